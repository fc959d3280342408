// SPDX-License-Identifier: LGPL-2.1-or-later
// Randomness is an argument: production passes the system's CSPRNG (os/random.hpp), tests a seeded
// generator, so that the same inputs give the same bytes.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace iscsi::base {

class Random {
public:
    virtual ~Random() = default;
    virtual void fill(ByteSpan out) = 0;
};

// splitmix64: small, seeded, for tests, simulation and back-off jitter. Never for CHAP.
class SeededRandom final : public Random {
public:
    explicit SeededRandom(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        state_ += 0x9e37'79b9'7f4a'7c15;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9;
        z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11eb;
        return z ^ (z >> 31);
    }
    void fill(ByteSpan out) override {
        for (auto& byte : out) byte = static_cast<std::byte>(next() & 0xff);
    }

private:
    std::uint64_t state_;
};

}  // namespace iscsi::base

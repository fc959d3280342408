// SPDX-License-Identifier: LGPL-2.1-or-later
// What the probe is told: settings as key=value arguments, commands as lines of standard input.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/instant.hpp"
#include "session/full_feature.hpp"
#include "session/login.hpp"
#include "session/supervisor.hpp"
#include "userd/scheduler.hpp"

namespace iscsi::conformance {

// One line: `read LBA BLOCKS`, `write LBA BLOCKS SEED`, `flush`, `sleep MILLISECONDS` (real ones),
// `logout`, `discover`. A leading '&' starts a read or write without waiting for it; every other
// line waits for all before it.
struct ProbeCommand {
    std::string verb;
    std::vector<std::uint64_t> numbers;
    bool wait = true;
};

struct ProbeOptions {
    session::SupervisorConfig supervisor;
    session::LoginConfig login;
    session::FullFeatureConfig engine;
    userd::Scheduler::Config scheduler;
    std::chrono::seconds command_timeout{200};
    std::chrono::seconds text_timeout{30};
    std::uint64_t blocks = 4096;
    std::uint32_t block_bytes = 512;
    // A second of every timeout lasts 1/speed seconds.
    std::int64_t speed = 100;
    std::chrono::milliseconds limit{20000};  // real; the probe fails when it isn't done by then
};

base::Result<ProbeOptions> parse_options(int count, const char* const* arguments);
base::Result<std::vector<ProbeCommand>> parse_script(std::string_view text);

// Real time, sped up. Everything but `limit` and `sleep` counts in it.
class FastClock {
public:
    explicit FastClock(std::int64_t speed);
    base::Instant now() const;
    // When that will be in real time.
    base::Instant real(base::Instant instant) const;

private:
    base::Instant start_;
    std::int64_t speed_;
};

// Each 8-byte word is its number on the disk mixed with the seed, so that misplaced data shows.
void fill_pattern(base::ByteSpan out, std::uint64_t offset, std::uint64_t seed);
// The CRC-32 of zlib, which the test has at hand as well.
std::uint32_t crc32(base::ConstByteSpan data);

}  // namespace iscsi::conformance

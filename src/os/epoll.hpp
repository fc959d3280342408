// SPDX-License-Identifier: LGPL-2.1-or-later
// Readiness of descriptors, level-triggered, for one thread. And a descriptor by which other
// threads wake that one.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/error.hpp"
#include "base/instant.hpp"
#include "os/fd.hpp"

namespace iscsi::os {

class Epoll {
public:
    struct Interest {
        bool readable = false;
        bool writable = false;
        bool operator==(const Interest&) const = default;
    };
    struct Ready {
        std::uint64_t token = 0;
        bool readable = false;
        bool writable = false;
        bool broken = false;  // error or hang-up; reading tells which
    };

    static base::Result<Epoll> create();

    // `token` comes back in Ready; chosen by the caller, never reused while an old event may be
    // under way. The descriptor must be removed before it is closed.
    base::Status add(int fd, std::uint64_t token, Interest interest);
    void change(int fd, std::uint64_t token, Interest interest);
    void remove(int fd);

    // Blocks until something is ready or the instant has come; kNever waits without limit. The list
    // is valid until the next call. An empty list is a timeout or a signal.
    std::span<const Ready> wait(base::Instant until);

private:
    explicit Epoll(Fd fd) : fd_(std::move(fd)) {}
    static constexpr std::size_t kBatch = 32;
    Fd fd_;
    std::array<Ready, kBatch> ready_{};
};

// eventfd: any thread signals, one thread drains.
class WakeUp {
public:
    static base::Result<WakeUp> create();
    int fd() const { return fd_.get(); }
    void signal() const;
    void drain() const;

private:
    explicit WakeUp(Fd fd) : fd_(std::move(fd)) {}
    Fd fd_;
};

}  // namespace iscsi::os

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/kernel_iscsi.hpp"

#include <unistd.h>

#include <chrono>

#include "base/log.hpp"
#include "os/clock.hpp"
#include "os/modules.hpp"

namespace iscsi::os {

namespace {

constexpr const char* kTransport = "/sys/class/iscsi_transport/tcp";
constexpr std::chrono::minutes kRetryInterval{1};

}  // namespace

bool kernel_has_iscsi_tcp() {
    if (::access(kTransport, F_OK) == 0) return true;
    static base::Instant next_try{};
    if (now() < next_try) return false;
    next_try = now() + kRetryInterval;
    if (const auto loaded = load_module("iscsi_tcp"); !loaded) {
        base::log(base::LogLevel::Debug, "iscsi_tcp: {}", loaded.error().message);
    }
    return ::access(kTransport, F_OK) == 0;
}

}  // namespace iscsi::os

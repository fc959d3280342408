// SPDX-License-Identifier: LGPL-2.1-or-later
#include "userd/program_log.hpp"

#include <fmt/format.h>
#include <syslog.h>

#include <cstdio>
#include <memory>
#include <string_view>
#include <utility>

#include "base/log.hpp"
#include "os/log_socket.hpp"

namespace iscsi::userd {

namespace {

int priority_of(base::LogLevel level) {
    switch (level) {
        case base::LogLevel::Error:
            return LOG_ERR;
        case base::LogLevel::Warning:
            return LOG_WARNING;
        case base::LogLevel::Info:
            return LOG_INFO;
        case base::LogLevel::Debug:
            return LOG_DEBUG;
    }
    return LOG_ERR;
}

}  // namespace

void LogRelay::write(base::LogLevel level, std::string text) {
    const std::lock_guard lock(mutex_);
    if (target_) return target_(level, std::move(text));
    if (early_.size() < kEarlyLinesMax) early_.emplace_back(level, std::move(text));
}

void LogRelay::set_target(Target target) {
    const std::lock_guard lock(mutex_);
    target_ = std::move(target);
    if (!target_) return;
    for (auto& [level, text] : std::exchange(early_, {})) target_(level, std::move(text));
}

std::shared_ptr<LogRelay> start_log(const LogOptions& options) {
    auto relay = std::make_shared<LogRelay>();
    const auto most_verbose = options.debug ? base::LogLevel::Debug : base::LogLevel::Info;
    if (options.to_stderr) {
        base::set_log_sink(
            [sid = options.sid, relay](base::LogLevel level, std::string_view text) {
                relay->write(level, std::string(text));
                fmt::print(stderr, "iscsi-userd: session {}: {}\n", sid, text);
            },
            most_verbose);
        return relay;
    }
    // Shared with nobody but copies of the sink, which std::function makes.
    auto socket = std::make_shared<os::LogSocket>("iscsi-userd");
    base::set_log_sink(
        [sid = options.sid, socket, relay](base::LogLevel level, std::string_view text) {
            relay->write(level, std::string(text));
            socket->write(priority_of(level), fmt::format("session {}: {}", sid, text));
        },
        most_verbose);
    return relay;
}

}  // namespace iscsi::userd

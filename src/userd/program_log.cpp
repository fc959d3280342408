// SPDX-License-Identifier: LGPL-2.1-or-later
#include "userd/program_log.hpp"

#include <fmt/format.h>
#include <syslog.h>

#include <cstdio>
#include <memory>
#include <string_view>

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

void start_log(const LogOptions& options) {
    const auto most_verbose = options.debug ? base::LogLevel::Debug : base::LogLevel::Info;
    if (options.to_stderr) {
        base::set_log_sink(
            [sid = options.sid](base::LogLevel, std::string_view text) {
                fmt::print(stderr, "iscsi-userd: session {}: {}\n", sid, text);
            },
            most_verbose);
        return;
    }
    // Shared with nobody but copies of the sink, which std::function makes.
    auto socket = std::make_shared<os::LogSocket>("iscsi-userd");
    base::set_log_sink(
        [sid = options.sid, socket](base::LogLevel level, std::string_view text) {
            socket->write(priority_of(level), fmt::format("session {}: {}", sid, text));
        },
        most_verbose);
}

}  // namespace iscsi::userd

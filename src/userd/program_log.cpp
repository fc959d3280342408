// SPDX-License-Identifier: LGPL-2.1-or-later
#include "userd/program_log.hpp"

#include <fmt/format.h>
#include <syslog.h>

#include <cstdio>
#include <string_view>

#include "base/log.hpp"

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
    if (!options.to_stderr) ::openlog("iscsi-userd", LOG_PID, LOG_DAEMON);
    base::set_log_sink(
        [options](base::LogLevel level, std::string_view text) {
            if (options.to_stderr) {
                fmt::print(stderr, "iscsi-userd: session {}: {}\n", options.sid, text);
            } else {
                ::syslog(priority_of(level), "session %llu: %.*s",
                         static_cast<unsigned long long>(options.sid),
                         static_cast<int>(text.size()), text.data());
            }
        },
        options.debug ? base::LogLevel::Debug : base::LogLevel::Info);
}

}  // namespace iscsi::userd

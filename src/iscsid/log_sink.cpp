// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsid/log_sink.hpp"

#include <syslog.h>

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "base/log.hpp"
#include "os/log_socket.hpp"

namespace iscsi::iscsid {

using base::LogLevel;

namespace {

// Foreground at -d 0 prints nothing but what is wrong or noteworthy.
LogLevel most_verbose(int debug) { return debug > 0 ? LogLevel::Debug : LogLevel::Info; }

int priority(LogLevel level) {
    switch (level) {
        case LogLevel::Error:
            return LOG_ERR;
        case LogLevel::Warning:
            return LOG_WARNING;
        case LogLevel::Info:
            return LOG_INFO;
        case LogLevel::Debug:
            return LOG_DEBUG;
    }
    return LOG_ERR;
}

}  // namespace

void log_to_stderr(int debug) {
    base::set_log_sink(
        [](LogLevel, std::string_view text) {
            const std::string line = fmt::format("iscsid: {}\n", text);
            std::fwrite(line.data(), 1, line.size(), stderr);
        },
        most_verbose(debug));
}

void log_to_syslog(int debug) {
    // Shared with nobody but copies of the sink, which std::function makes.
    const auto log = std::make_shared<os::LogSocket>("iscsid");
    base::set_log_sink(
        [log](LogLevel level, std::string_view text) { log->write(priority(level), text); },
        most_verbose(debug));
}

}  // namespace iscsi::iscsid

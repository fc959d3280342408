// SPDX-License-Identifier: LGPL-2.1-or-later
// Where iscsi-userd's log goes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/log.hpp"

namespace iscsi::userd {

// A second way for what is logged, beside syslog: to the iscsid that wants it. Any thread.
class LogRelay {
public:
    using Target = std::function<void(base::LogLevel, std::string text)>;

    void write(base::LogLevel level, std::string text);
    // Gets what was logged so far, then the rest. An empty one ends it.
    void set_target(Target target);

private:
    static constexpr std::size_t kEarlyLinesMax = 64;

    std::mutex mutex_;
    Target target_;
    std::vector<std::pair<base::LogLevel, std::string>> early_;  // before the first target
};

struct LogOptions {
    std::uint64_t sid = 0;
    bool to_stderr = false;  // else syslog
    bool debug = false;
};
// Owners of the relay: the log's sink and the caller.
std::shared_ptr<LogRelay> start_log(const LogOptions& options);

}  // namespace iscsi::userd

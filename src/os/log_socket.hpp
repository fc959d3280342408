// SPDX-License-Identifier: LGPL-2.1-or-later
// The system's log without waiting for it: syslog(3) blocks while the log daemon does not read, and
// the log daemon may be waiting for the very disk that the caller serves.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include "os/fd.hpp"

namespace iscsi::os {

class LogSocket {
public:
    explicit LogSocket(std::string program, std::string path = "/dev/log");

    // `priority` is syslog.h's, without facility. A line that cannot be handed over now is lost.
    // Any thread.
    void write(int priority, std::string_view text);

private:
    bool connect();

    std::string program_;
    std::string path_;
    std::mutex mutex_;
    Fd socket_;
};

}  // namespace iscsi::os

// SPDX-License-Identifier: LGPL-2.1-or-later
// The argument of -r: a session's number, or a path that leads to it.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include "base/error.hpp"

namespace iscsi::iscsiadm {

// Why a text names no session: what to say (a line or two), and the status to end with.
struct BadSessionId {
    std::string message;
    int status;
};

// A number above 0, or a directory of sysfs at or below a session's: /sys/class/iscsi_session/
// session3, /sys/devices/.../session3/target1:0:0, ... Whether there is such a session is another
// question.
std::expected<std::uint64_t, BadSessionId> parse_session_id(const std::string& text);

}  // namespace iscsi::iscsiadm

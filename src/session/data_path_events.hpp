// SPDX-License-Identifier: LGPL-2.1-or-later
// What a data path (the kernel's, or iscsi-userd) reports about a session: plain values, so that
// the supervisor can be driven by either of them and by tests.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "base/error.hpp"

namespace iscsi::session {

// A session exists in the data path and has its number. No connection yet.
struct Created {
    std::uint64_t sid = 0;
    bool operator==(const Created&) const = default;
};
struct CreateFailed {
    base::ErrorCode code = base::ErrorCode::Internal;
    std::string message;
    bool operator==(const CreateFailed&) const = default;
};
// A logged-in connection was taken over and carries commands.
struct Started {
    std::uint64_t generation = 0;
    bool operator==(const Started&) const = default;
};
struct StartFailed {
    std::uint64_t generation = 0;
    base::ErrorCode code = base::ErrorCode::Internal;
    std::string message;
    bool operator==(const StartFailed&) const = default;
};
// The connection of this generation is of no use any more. Numbers 1..22 of open-iscsi's README
// section 8.1.3 (1000 less than the kernel's).
struct ConnectionError {
    std::uint64_t generation = 0;
    std::uint32_t number = 0;
    std::string text;
    bool operator==(const ConnectionError&) const = default;
};
// RFC 7143 section 11.9; fields as received.
struct AsyncMessage {
    std::uint64_t generation = 0;
    std::uint8_t event = 0;
    std::uint8_t vendor_code = 0;
    std::uint16_t parameter1 = 0;
    std::uint16_t parameter2 = 0;
    std::uint16_t parameter3 = 0;
    bool luns_changed = false;  // event 0 with sense 3F/0E
    bool operator==(const AsyncMessage&) const = default;
};
// Answer to a logout of the connection (the session goes on), RFC 7143 section 11.15.
struct ConnectionLogoutDone {
    std::uint64_t generation = 0;
    bool responded = false;  // false: no answer in time, or the connection broke first
    std::uint8_t response = 0;
    std::uint16_t time2wait_s = 0;
    bool operator==(const ConnectionLogoutDone&) const = default;
};
// Answer to a logout of the session: its devices are gone and the target knows, or the reason why
// not. Gone follows on success. Comes after stop(Terminate), too, when something was lost.
struct LogoutDone {
    base::ErrorCode code = base::ErrorCode::Success;
    std::string message;  // with success: what did not reach the target, a line per disk
    bool operator==(const LogoutDone&) const = default;
};
// The devices do not show what the target has any more.
struct DevicesChanged {
    std::string reason;
    bool operator==(const DevicesChanged&) const = default;
};
// replacement_timeout has passed: I/O fails from now on until a connection is bound.
struct RecoveryTimeout {
    bool operator==(const RecoveryTimeout&) const = default;
};
// A session that is to end does not, and nobody knows whether it ever will. Gone may still come.
struct Stuck {
    std::string reason;  // names what an administrator can look at
    bool operator==(const Stuck&) const = default;
};
// The session does not exist any more in the data path. Always the last event of a session.
struct Gone {
    std::string reason;
    bool operator==(const Gone&) const = default;
};

using DataPathEvent =
    std::variant<Created, CreateFailed, Started, StartFailed, ConnectionError, AsyncMessage,
                 ConnectionLogoutDone, LogoutDone, DevicesChanged, RecoveryTimeout, Stuck, Gone>;

}  // namespace iscsi::session

// SPDX-License-Identifier: LGPL-2.1-or-later
// Errors that cross a folder: open-iscsi's number (exit status of iscsiadm, answer of iscsid) and a
// sentence for the operator that reads outside-in ("login to T at P: CHAP: ...").
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace iscsi::base {

// The numbers are ABI: exit codes of iscsiadm and answers of iscsid.
enum class ErrorCode : std::uint8_t {
    Success = 0,
    Generic = 1,
    SessionNotFound = 2,
    NoMemory = 3,
    Transport = 4,
    Login = 5,
    Database = 6,
    Invalid = 7,
    TransportTimeout = 8,
    Internal = 9,
    Logout = 10,
    PduTimeout = 11,
    TransportNotFound = 12,
    Access = 13,
    TransportCaps = 14,
    SessionExists = 15,
    InvalidRequest = 16,
    IsnsUnavailable = 17,
    DaemonCommunication = 18,
    FatalLogin = 19,
    DaemonNotConnected = 20,
    NoObjectsFound = 21,
    SysfsLookup = 22,
    HostNotFound = 23,
    LoginAuthFailed = 24,
    IsnsQuery = 25,
    IsnsRegistrationFailed = 26,
    NotSupported = 27,
    Busy = 28,
    Again = 29,
    UnknownDiscoveryType = 30,
    ChildTerminated = 31,
    SessionNotConnected = 32,
    RequestTimedOut = 33,
};

inline constexpr std::uint8_t kErrorCodeLast = 33;

// Text that follows "initiator reported error (N - "; empty for Success.
std::string_view error_text(ErrorCode code);

// The code for a number received from a peer, or nullopt-like Internal for one out of range.
ErrorCode error_code_from_number(std::int64_t number);

struct [[nodiscard]] Error {
    ErrorCode code = ErrorCode::Generic;
    std::string message;

    // Puts context in front: err.within("login to iqn.x at 192.0.2.7:3260").
    Error within(std::string_view context) && {
        return {code, fmt::format("{}: {}", context, message)};
    }
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

template <class... Args>
[[nodiscard]] std::unexpected<Error> fail(ErrorCode code, fmt::format_string<Args...> format,
                                          Args&&... args) {
    return std::unexpected(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}

// errno as a sentence: fail_errno(ErrorCode::Database, errno, "/etc/iscsi/nodes") gives
// "/etc/iscsi/nodes: Permission denied".
[[nodiscard]] std::unexpected<Error> fail_errno(ErrorCode code, int error_number,
                                                std::string_view what);

}  // namespace iscsi::base

// ISCSI_TRY(auto value, expression_returning_expected) returns early with the error.
// ISCSI_TRY_VOID(expression) does the same for an expected<void, E>.
#define ISCSI_TRY_JOIN2(a, b) a##b
#define ISCSI_TRY_JOIN(a, b) ISCSI_TRY_JOIN2(a, b)
#define ISCSI_TRY_IMPL(temporary, declaration, expression)                \
    auto temporary = (expression);                                        \
    if (!temporary) return std::unexpected(std::move(temporary).error()); \
    declaration = std::move(*temporary)
#define ISCSI_TRY(declaration, ...) \
    ISCSI_TRY_IMPL(ISCSI_TRY_JOIN(iscsi_try_, __COUNTER__), declaration, (__VA_ARGS__))
#define ISCSI_TRY_VOID_IMPL(temporary, expression)                            \
    do {                                                                      \
        auto temporary = (expression);                                        \
        if (!temporary) return std::unexpected(std::move(temporary).error()); \
    } while (false)
#define ISCSI_TRY_VOID(...) \
    ISCSI_TRY_VOID_IMPL(ISCSI_TRY_JOIN(iscsi_try_, __COUNTER__), (__VA_ARGS__))

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/error.hpp"

#include <array>
#include <cstring>

namespace iscsi::base {

namespace {

constexpr std::array<std::string_view, kErrorCodeLast + 1> kTexts{
    "",
    "unknown error",
    "session not found",
    "no available memory",
    "encountered connection failure",
    "encountered iSCSI login failure",
    "encountered iSCSI database failure",
    "invalid parameter",
    "connection timed out",
    "internal error",
    "encountered iSCSI logout failure",
    "iSCSI PDU timed out",
    "iSCSI driver not found. Please make sure it is loaded, and retry the operation",
    "daemon access denied",
    "iSCSI driver does not support requested capability.",
    "session exists",
    "Unknown request",
    "iSNS service not supported",
    "could not communicate to iscsid",
    "encountered non-retryable iSCSI login failure",
    "could not connect to iscsid",
    "no objects found",
    "sysfs lookup failure",
    "host not found",
    "iSCSI login failed due to authorization failure",
    "iSNS query failed",
    "iSNS registration failed",
    "operation not supported",
    "device or resource in use",
    "operation failed but retry may succeed",
    "unknown discovery type",
    "child process terminated",
    "target likely not connected",
    "iscsid request timed out",
};

}  // namespace

std::string_view error_text(ErrorCode code) { return kTexts.at(std::to_underlying(code)); }

ErrorCode error_code_from_number(std::int64_t number) {
    if (number < 0 || number > kErrorCodeLast) return ErrorCode::Internal;
    return static_cast<ErrorCode>(number);
}

std::unexpected<Error> fail_errno(ErrorCode code, int error_number, std::string_view what) {
    std::array<char, 128> buffer{};
    // GNU strerror_r: thread-safe, may return a static string instead of the buffer.
    const char* text = ::strerror_r(error_number, buffer.data(), buffer.size());
    return std::unexpected(Error{code, fmt::format("{}: {}", what, text)});
}

}  // namespace iscsi::base

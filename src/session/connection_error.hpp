// SPDX-License-Identifier: LGPL-2.1-or-later
// Why a connection in full-feature phase was given up: the numbers of open-iscsi's README section
// 8.1.3, which administrators know from "detected conn error (N)". Linux reports them plus 1000.
#pragma once

#include <cstdint>
#include <string_view>

namespace iscsi::session {

enum class ConnectionErrorNumber : std::uint8_t {
    DataSn = 1,
    DataOffset = 2,
    MaxCmdSn = 3,
    ExpCmdSn = 4,
    BadOpcode = 5,
    DataLength = 6,
    AhsLength = 7,
    Protocol = 8,
    Lun = 9,
    BadItt = 10,
    ConnectionFailed = 11,
    R2tSn = 12,
    SessionFailed = 13,
    HeaderDigest = 14,
    DataDigest = 15,
    ParameterNotFound = 16,
    NoScsiCommand = 17,
    InvalidHost = 18,
    TransmitFailed = 19,
    TcpConnectionClosed = 20,
    ScsiErrorHandlingReset = 21,
    NopTimedOut = 22,
};

inline constexpr std::uint32_t kConnectionErrorBase = 1000;  // added by Linux and by our logs

// "ISCSI_ERR_DATASN".
std::string_view connection_error_name(ConnectionErrorNumber number);
// "Received invalid data sequence number from target".
std::string_view connection_error_text(ConnectionErrorNumber number);

}  // namespace iscsi::session

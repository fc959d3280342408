// SPDX-License-Identifier: LGPL-2.1-or-later
// The numbers of RFC 7143, each with a type of its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/serial.hpp"

namespace iscsi::proto {

inline constexpr std::size_t kBhsBytes = 48;            // section 11.2
inline constexpr std::size_t kDigestBytes = 4;          // section 11.2.3
inline constexpr std::size_t kAhsBytesMax = 255UL * 4;  // TotalAHSLength counts words of four
inline constexpr std::uint32_t kReservedTag = 0xffff'ffff;
inline constexpr std::uint32_t kSegmentLengthMax = 0xff'ffff;  // 24 bit fields

using CmdSn = base::Serial<struct CmdSnTag>;
using StatSn = base::Serial<struct StatSnTag>;

// An 8-byte LUN field as on the wire (SAM); scsi/lun.hpp turns it into a number and back.
struct Lun {
    std::uint64_t value = 0;
    constexpr bool operator==(const Lun&) const = default;
};

// Section 11.12.5. T, A, B, C, D fields as six plain bytes.
struct Isid {
    std::array<std::uint8_t, 6> bytes{};
    constexpr bool operator==(const Isid&) const = default;
};

enum class Opcode : std::uint8_t {  // section 11.2.1.2
    NopOut = 0x00,
    ScsiCommand = 0x01,
    TaskManagementRequest = 0x02,
    LoginRequest = 0x03,
    TextRequest = 0x04,
    DataOut = 0x05,
    LogoutRequest = 0x06,
    SnackRequest = 0x10,
    NopIn = 0x20,
    ScsiResponse = 0x21,
    TaskManagementResponse = 0x22,
    LoginResponse = 0x23,
    TextResponse = 0x24,
    DataIn = 0x25,
    LogoutResponse = 0x26,
    R2t = 0x31,
    AsyncMessage = 0x32,
    Reject = 0x3f,
};

enum class Stage : std::uint8_t {  // section 11.12.3
    SecurityNegotiation = 0,
    LoginOperationalNegotiation = 1,
    FullFeaturePhase = 3,
};

enum class TaskAttribute : std::uint8_t {  // section 11.3.1.1
    Untagged = 0,
    Simple = 1,
    Ordered = 2,
    HeadOfQueue = 3,
    Aca = 4,
};

enum class TaskManagementFunction : std::uint8_t {  // section 11.5.1
    AbortTask = 1,
    AbortTaskSet = 2,
    ClearAca = 3,
    ClearTaskSet = 4,
    LogicalUnitReset = 5,
    TargetWarmReset = 6,
    TargetColdReset = 7,
    TaskReassign = 8,
};

enum class TaskManagementAnswer : std::uint8_t {  // section 11.6.1
    Complete = 0,
    TaskDoesNotExist = 1,
    LunDoesNotExist = 2,
    TaskStillAllegiant = 3,
    ReassignmentNotSupported = 4,
    FunctionNotSupported = 5,
    AuthorizationFailed = 6,
    Rejected = 255,
};

enum class LogoutReason : std::uint8_t {  // section 11.14.1
    CloseSession = 0,
    CloseConnection = 1,
    RemoveForRecovery = 2,
};

enum class LogoutAnswer : std::uint8_t {  // section 11.15.1
    Closed = 0,
    CidNotFound = 1,
    RecoveryNotSupported = 2,
    CleanupFailed = 3,
};

enum class AsyncEvent : std::uint8_t {  // section 11.9.1
    ScsiSense = 0,
    LogoutRequest = 1,
    DropConnection = 2,
    DropAllConnections = 3,
    Renegotiate = 4,
    DropTasks = 5,
    VendorSpecific = 255,
};

enum class RejectReason : std::uint8_t {  // section 11.17.1
    DataDigestError = 0x02,
    SnackReject = 0x03,
    ProtocolError = 0x04,
    CommandNotSupported = 0x05,
    ImmediateCommandReject = 0x06,
    TaskInProgress = 0x07,
    InvalidDataAck = 0x08,
    InvalidPduField = 0x09,
    LongOperationReject = 0x0a,
    NegotiationReset = 0x0b,
    WaitingForLogout = 0x0c,
};

enum class SnackType : std::uint8_t {  // section 11.16.1
    DataOrR2t = 0,
    Status = 1,
    DataAck = 2,
    RData = 3,
};

// Section 11.13.5, the class byte; details are in LoginStatus.
enum class LoginStatusClass : std::uint8_t {
    Success = 0,
    Redirection = 1,
    InitiatorError = 2,
    TargetError = 3,
};

}  // namespace iscsi::proto

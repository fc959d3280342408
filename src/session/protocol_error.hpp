// SPDX-License-Identifier: LGPL-2.1-or-later
// What a target did wrong, as a value: the broken rule, the offending field and what it should have
// been. Each rule knows its section of RFC 7143 and its number of open-iscsi's README 8.1.3.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "session/connection_error.hpp"

namespace iscsi::session {

enum class Violation : std::uint8_t {
    // Framing.
    UnknownOpcode,         // not an opcode that a target may send
    OpcodeOutOfPhase,      // a Login Response after login
    SegmentTooLong,        // DataSegmentLength over our MaxRecvDataSegmentLength
    SegmentNotAllowed,     // a data segment on a PDU that has none
    SegmentTooShort,       // a data segment too short for its PDU type
    BadAhs,                // additional header segments that do not add up
    HeaderDigestMismatch,  //
    DataDigestMismatch,    //
    BadField,              // a field of the header has a value the RFC does not allow there
    // Numbering.
    StatSnMismatch,       //
    ExpCmdSnBeyondCmdSn,  // acknowledges commands we never sent
    DataSnMismatch,       //
    R2tSnMismatch,        //
    ExpDataSnMismatch,    // a response counts other Data-Ins or R2Ts than we received
    // Tags.
    TagNotOurs,              // an Initiator Task Tag we could not have chosen
    TagNotActive,            // the tag of a task that is over, or of another kind of task
    TagNotReserved,          // a tag where 0xffffffff is demanded
    TransferTagReserved,     // 0xffffffff where a Target Transfer Tag is demanded
    TransferTagNotReserved,  //
    LunMismatch,             //
    // Data.
    DataForNonRead,      // Data-In for a task that reads nothing
    DataPastEnd,         // Data-In beyond the task's buffer
    DataOutOfOrder,      // Data-In at another offset than the next one
    DataOverlaps,        // Data-In for bytes that arrived before
    DataTooScattered,    // more gaps than we keep account of
    StatusWithoutFinal,  // S bit without F bit
    StatusInDataIn,      // CHECK CONDITION in a Data-In, where no sense can follow
    R2tForNonWrite,      //
    R2tPastEnd,          //
    R2tOutOfOrder,       //
    R2tEmpty,            //
    R2tTooLong,          // Desired Data Transfer Length over MaxBurstLength
    TooManyR2ts,         // over MaxOutstandingR2T
    // Status.
    ResidualFlags,     // overflow and underflow together
    ResidualTooLarge,  // an underflow of more than was asked for
    GoodWithoutData,   // GOOD for a read whose data did not all arrive
    GoodBeforeData,    // GOOD for a write whose data was not all asked for
    // Rejects that leave the two sides without a common view of the connection.
    RejectedAsProtocolError,  //
    RejectedDataDigest,       // the target saw a wrong digest on data we sent
    RejectedTaskInProgress,   //
};

struct ProtocolError {
    Violation violation = Violation::UnknownOpcode;
    std::uint64_t value = 0;     // what the target sent
    std::uint64_t expected = 0;  // what it should have been: a value or a limit, by violation

    bool operator==(const ProtocolError&) const = default;
};

ConnectionErrorNumber number_of(Violation violation);
// "an R2T asks for bytes past the end of the task's data (RFC 7143 section 11.8)".
std::string_view violation_text(Violation violation);
// The text with the two values: "...: 70000, expected at most 65536". For logs; allocates.
std::string describe(const ProtocolError& error);

}  // namespace iscsi::session

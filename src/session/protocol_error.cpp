// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/protocol_error.hpp"

#include <fmt/format.h>

#include <array>

namespace iscsi::session {

namespace {

using enum ConnectionErrorNumber;

struct Rule {
    Violation violation;
    ConnectionErrorNumber number;
    std::string_view text;  // with the section of RFC 7143
};

constexpr auto kRules = std::to_array<Rule>({
    {Violation::UnknownOpcode, BadOpcode,
     "an opcode no target may send (RFC 7143 section 11.2.1.2)"},
    {Violation::OpcodeOutOfPhase, Protocol,
     "a Login Response in full-feature phase (RFC 7143 section 4.3)"},
    {Violation::SegmentTooLong, DataLength,
     "a data segment longer than our MaxRecvDataSegmentLength (RFC 7143 section 13.12)"},
    {Violation::SegmentNotAllowed, DataLength,
     "a data segment on a PDU that has none (RFC 7143 section 11.2.1.6)"},
    {Violation::SegmentTooShort, DataLength,
     "a data segment too short for its PDU (RFC 7143 section 11.2.1.6)"},
    {Violation::BadAhs, AhsLength,
     "additional header segments that do not add up (RFC 7143 section 11.2.2)"},
    {Violation::HeaderDigestMismatch, HeaderDigest,
     "wrong header digest (RFC 7143 section 11.2.3)"},
    {Violation::DataDigestMismatch, DataDigest, "wrong data digest (RFC 7143 section 11.2.3)"},
    {Violation::BadField, Protocol,
     "a header field has a value that is not allowed there (RFC 7143 section 11)"},
    {Violation::StatSnMismatch, Protocol, "StatSN is not the next one (RFC 7143 section 4.2.2.2)"},
    {Violation::ExpCmdSnBeyondCmdSn, ExpCmdSn,
     "ExpCmdSN acknowledges commands that were never sent (RFC 7143 section 4.2.2.1)"},
    {Violation::DataSnMismatch, DataSn, "DataSN is not the next one (RFC 7143 section 11.7.5)"},
    {Violation::R2tSnMismatch, R2tSn, "R2TSN is not the next one (RFC 7143 section 11.8.3)"},
    {Violation::ExpDataSnMismatch, DataSn,
     "ExpDataSN counts other PDUs than arrived (RFC 7143 section 11.4.8)"},
    {Violation::TagNotOurs, BadItt,
     "an Initiator Task Tag that we never chose (RFC 7143 section 11.2.1.8)"},
    {Violation::TagNotActive, NoScsiCommand,
     "the Initiator Task Tag of no active task (RFC 7143 section 11.2.1.8)"},
    {Violation::TagNotReserved, BadItt,
     "an Initiator Task Tag where the reserved one is due (RFC 7143 section 11.2.1.8)"},
    {Violation::TransferTagReserved, Protocol,
     "the reserved Target Transfer Tag where a tag is due (RFC 7143 section 11.8)"},
    {Violation::TransferTagNotReserved, Protocol,
     "a Target Transfer Tag where the reserved one is due (RFC 7143 section 11.19.2)"},
    {Violation::LunMismatch, Lun, "another LUN than the task's (RFC 7143 section 11.8)"},
    {Violation::DataForNonRead, Protocol,
     "Data-In for a task that reads nothing (RFC 7143 section 11.7)"},
    {Violation::DataPastEnd, DataOffset,
     "Data-In past the end of the task's buffer (RFC 7143 section 11.7.6)"},
    {Violation::DataOutOfOrder, DataOffset,
     "Data-In at another offset than the next one (RFC 7143 section 13.18)"},
    {Violation::DataOverlaps, DataOffset,
     "Data-In for bytes that arrived before (RFC 7143 section 11.7.6)"},
    {Violation::DataTooScattered, DataOffset,
     "Data-In with more gaps than are kept account of (RFC 7143 section 11.7.6)"},
    {Violation::StatusWithoutFinal, Protocol,
     "a Data-In with status but without the F bit (RFC 7143 section 11.7.1)"},
    {Violation::StatusInDataIn, Protocol,
     "a Data-In with a status that demands sense data (RFC 7143 section 11.7.3)"},
    {Violation::R2tForNonWrite, Protocol,
     "an R2T for a task that writes nothing (RFC 7143 section 11.8)"},
    {Violation::R2tPastEnd, DataOffset,
     "an R2T past the end of the task's data (RFC 7143 section 11.8.4)"},
    {Violation::R2tOutOfOrder, DataOffset,
     "an R2T at another offset than the next one (RFC 7143 section 13.19)"},
    {Violation::R2tEmpty, DataLength, "an R2T for no bytes (RFC 7143 section 11.8.4)"},
    {Violation::R2tTooLong, DataLength,
     "an R2T for more than MaxBurstLength (RFC 7143 section 11.8.4)"},
    {Violation::TooManyR2ts, Protocol, "more R2Ts than MaxOutstandingR2T (RFC 7143 section 13.17)"},
    {Violation::ResidualFlags, Protocol,
     "overflow and underflow together (RFC 7143 section 11.4.1)"},
    {Violation::ResidualTooLarge, Protocol,
     "an underflow larger than the transfer (RFC 7143 section 11.4.5.1)"},
    {Violation::GoodWithoutData, Protocol,
     "GOOD for a read whose data did not all arrive (RFC 7143 section 11.4.5)"},
    {Violation::GoodBeforeData, Protocol,
     "GOOD for a write whose data was not all asked for (RFC 7143 section 11.4.2)"},
    {Violation::RejectedAsProtocolError, Protocol,
     "the target rejects a PDU as a protocol error (RFC 7143 section 11.17.1)"},
    {Violation::RejectedDataDigest, DataDigest,
     "the target saw a wrong data digest (RFC 7143 section 11.17.1)"},
    {Violation::RejectedTaskInProgress, Protocol,
     "the target says the task tag is in use (RFC 7143 section 11.17.1)"},
});

// The table is in the order of the enum, so that a violation is its index.
consteval bool in_order() {
    for (std::size_t i = 0; i < kRules.size(); ++i) {
        if (kRules[i].violation != static_cast<Violation>(i)) return false;
    }
    return kRules.size() == static_cast<std::size_t>(Violation::RejectedTaskInProgress) + 1;
}
static_assert(in_order());

const Rule& rule_of(Violation violation) { return kRules.at(static_cast<std::size_t>(violation)); }

}  // namespace

ConnectionErrorNumber number_of(Violation violation) { return rule_of(violation).number; }

std::string_view violation_text(Violation violation) { return rule_of(violation).text; }

std::string describe(const ProtocolError& error) {
    return fmt::format("{}: {:#x}, expected {:#x}", violation_text(error.violation), error.value,
                       error.expected);
}

}  // namespace iscsi::session

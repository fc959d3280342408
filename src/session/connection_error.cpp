// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/connection_error.hpp"

#include <array>

namespace iscsi::session {

namespace {

struct Row {
    std::string_view name;
    std::string_view text;
};

// Index: the number. The texts are those iscsid has always printed.
constexpr std::array<Row, 23> kRows{{
    {"ISCSI_OK", "operation successful"},
    {"ISCSI_ERR_DATASN", "Received invalid data sequence number from target"},
    {"ISCSI_ERR_DATA_OFFSET", "Seeking offset beyond the size of the iSCSI segment"},
    {"ISCSI_ERR_MAX_CMDSN", "Received invalid command sequence number from target"},
    {"ISCSI_ERR_EXP_CMDSN", "Received invalid expected command sequence number from target"},
    {"ISCSI_ERR_BAD_OPCODE", "Received an invalid iSCSI opcode"},
    {"ISCSI_ERR_DATALEN", "Invalid data length value"},
    {"ISCSI_ERR_AHSLEN", "Received an invalid AHS length"},
    {"ISCSI_ERR_PROTO", "iSCSI protocol violation"},
    {"ISCSI_ERR_LUN", "LUN mismatch"},
    {"ISCSI_ERR_BAD_ITT", "Received invalid initiator task tag from target"},
    {"ISCSI_ERR_CONN_FAILED", "iSCSI connection failed"},
    {"ISCSI_ERR_R2TSN",
     "Received invalid R2T (Ready to Transfer) data sequence number from target"},
    {"ISCSI_ERR_SESSION_FAILED", "iSCSI session failed"},
    {"ISCSI_ERR_HDR_DGST", "Header digest mismatch"},
    {"ISCSI_ERR_DATA_DGST", "Data digest mismatch"},
    {"ISCSI_ERR_PARAM_NOT_FOUND", "Parameter not found"},
    {"ISCSI_ERR_NO_SCSI_CMD", "Could not look up SCSI command"},
    {"ISCSI_ERR_INVALID_HOST", "iSCSI host is in an invalid state"},
    {"ISCSI_ERR_XMIT_FAILED", "Transmission of iSCSI packet failed"},
    {"ISCSI_ERR_TCP_CONN_CLOSE", "TCP connection closed"},
    {"ISCSI_ERR_SCSI_EH_SESSION_RST", "Session was dropped as a result of SCSI error recovery"},
    {"ISCSI_ERR_NOP_TIMEDOUT", "A NOP has timed out"},
}};

constexpr Row kUnknown{"ISCSI_ERR_UNKNOWN", "Invalid or unknown error code"};

// A newer kernel may have numbers of its own.
const Row& row(ConnectionErrorNumber number) {
    const auto index = static_cast<std::size_t>(number);
    return index < kRows.size() ? kRows[index] : kUnknown;
}

}  // namespace

std::string_view connection_error_name(ConnectionErrorNumber number) { return row(number).name; }

std::string_view connection_error_text(ConnectionErrorNumber number) { return row(number).text; }

}  // namespace iscsi::session

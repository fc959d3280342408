// SPDX-License-Identifier: LGPL-2.1-or-later
// What iscsid tells its data path process (iscsi-userd) about a session, and what that process
// tells back. Plain values; messages.hpp puts them on the wire. Every field has a default, and a
// reader keeps the default for a field it was not sent: an older iscsi-userd outlives an upgrade of
// iscsid.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace iscsi::userlink {

using Isid = std::array<std::uint8_t, 6>;

// Everything iscsid knows when it starts a process for a session. Sent once, before the first Bind;
// sent again it replaces the timeouts and the record text (the rest must not change).
struct SessionConfig {
    std::uint64_t sid = 0;
    std::string target;                    // node.name
    std::string persistent_address;        // as in the record: goes literally into by-path names
    std::uint16_t persistent_port = 3260;  //
    std::uint16_t tpgt = 1;                // portal group tag of the record
    std::string initiator_name;            //
    std::string transport = "user";        // the record's transport: label in session listings
    std::string iface_name = "user";       //
    std::string iface_hwaddress;           // as bound; empty when unset
    std::string iface_net_ifacename;       //
    std::string iface_ipaddress;           //
    std::int32_t replacement_timeout_s = 120;  // 0: fail I/O at once; negative: queue for ever
    std::int32_t abort_timeout_s = 15;         // node.session.err_timeo.*
    std::int32_t lu_reset_timeout_s = 30;      //
    std::int32_t tgt_reset_timeout_s = 30;     //
    std::int32_t noop_out_interval_s = 5;      // 0 with timeout 0: no pings
    std::int32_t noop_out_timeout_s = 5;       //
    std::uint32_t queue_depth = 32;            // commands in flight per LUN
    std::uint32_t cmds_max = 128;              // commands in flight per session
    bool scan_auto = true;   // "LUNs changed" found while no iscsid listens starts a scan
    bool fast_abort = true;  // node.session.iscsi.FastAbort
    std::string record;      // opaque; handed back in Status after a restart of iscsid

    bool operator==(const SessionConfig&) const = default;
};

// The outcome of login negotiation (RFC 7143 section 13).
struct Negotiated {
    bool header_digest = false;  // CRC32C
    bool data_digest = false;
    bool initial_r2t = true;
    bool immediate_data = true;
    bool data_pdu_in_order = true;
    bool data_sequence_in_order = true;
    std::uint32_t max_recv_data_segment_length = 262144;  // what we declared
    std::uint32_t max_xmit_data_segment_length = 8192;    // what the target declared
    std::uint32_t first_burst_length = 65536;
    std::uint32_t max_burst_length = 262144;
    std::uint32_t max_outstanding_r2t = 1;
    std::uint32_t error_recovery_level = 0;
    std::uint32_t time2wait_s = 2;
    std::uint32_t time2retain_s = 20;

    bool operator==(const Negotiated&) const = default;
};

// A logged-in connection. The connected socket travels beside the message (SCM_RIGHTS).
struct Binding {
    // Chosen by iscsid, greater than any before; comes back in every event of this connection, so
    // that news of a dead connection is not taken for news of the living one.
    std::uint64_t generation = 0;
    Negotiated negotiated;
    Isid isid{};
    std::uint16_t tsih = 0;
    std::uint16_t cid = 0;
    std::uint16_t tpgt = 1;         // portal group tag the target reported
    std::uint32_t cmd_sn = 0;       // of the next command
    std::uint32_t exp_stat_sn = 0;  // of the next response
    std::uint32_t exp_cmd_sn = 0;   // from the final login response
    std::uint32_t max_cmd_sn = 0;   //
    std::string received;           // bytes read past the final login response
    std::string current_address;    // differs from the persistent one after a redirect
    std::uint16_t current_port = 3260;
    std::string local_address;  // our end
    std::string target_alias;

    bool operator==(const Binding&) const = default;
};

// The counters of `iscsiadm -s`, in its order.
struct Stats {
    std::uint64_t txdata_octets = 0;
    std::uint64_t rxdata_octets = 0;
    std::uint64_t noptx_pdus = 0;
    std::uint64_t scsicmd_pdus = 0;
    std::uint64_t tmfcmd_pdus = 0;
    std::uint64_t login_pdus = 0;
    std::uint64_t text_pdus = 0;
    std::uint64_t dataout_pdus = 0;
    std::uint64_t logout_pdus = 0;
    std::uint64_t snack_pdus = 0;
    std::uint64_t noprx_pdus = 0;
    std::uint64_t scsirsp_pdus = 0;
    std::uint64_t tmfrsp_pdus = 0;
    std::uint64_t textrsp_pdus = 0;
    std::uint64_t datain_pdus = 0;
    std::uint64_t logoutrsp_pdus = 0;
    std::uint64_t r2t_pdus = 0;
    std::uint64_t async_pdus = 0;
    std::uint64_t rjt_pdus = 0;
    std::uint64_t digest_err = 0;
    std::uint64_t timeout_err = 0;
    std::uint64_t eh_abort_cnt = 0;  // "iSCSI Extended"

    bool operator==(const Stats&) const = default;
};

// The kernel's words for a session: sysfs `state`.
enum class SessionState : std::uint8_t {
    Free,       // configured, no connection yet
    LoggedIn,   // a connection carries commands
    Failed,     // connection lost; I/O waits for a new one (or fails, see recovery_expired)
    Terminated  // logged out or given up; devices are being removed
};

struct LunStatus {
    std::uint64_t lun = 0;             // SAM number, as in by-path names
    std::uint8_t peripheral_type = 0;  // SPC: 0 disk, 5 CD, 0x1f none
    std::string block_device;          // "loop3"; empty: no block device
    std::string state = "running";     // Linux' words: running, blocked, transport-offline, offline
    std::string vendor;
    std::string product;
    std::string revision;
    std::string serial;
    std::uint64_t block_count = 0;
    std::uint32_t block_bytes = 0;
    bool read_only = false;

    bool operator==(const LunStatus&) const = default;
};

struct Status {
    SessionConfig config;
    Binding binding;  // the latest; `received` is empty
    SessionState state = SessionState::Free;
    bool recovery_expired = false;  // replacement_timeout has passed, I/O fails at once
    std::uint64_t pid = 0;
    std::uint64_t pending_commands = 0;
    std::vector<LunStatus> luns;  // ascending

    bool operator==(const Status&) const = default;
};

}  // namespace iscsi::userlink

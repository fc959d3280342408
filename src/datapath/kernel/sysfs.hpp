// SPDX-License-Identifier: LGPL-2.1-or-later
// The kernel's iSCSI objects as sysfs shows them: transports, hosts, sessions, connections, LUNs.
//
// Sessions vanish at any moment, also between two reads. A session that went away while it was read
// is no error of the reader: listing functions leave it out, and single look-ups say NotFound.
// An attribute that the kernel has not (or shows as "(null)" or "<NULL>") reads as empty.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "os/files.hpp"

namespace iscsi::datapath::kernel {

struct TransportView {
    std::string name;  // "tcp", "iser", ...
    std::uint64_t handle = 0;
    std::uint32_t caps = 0;
    bool can(std::uint32_t capability) const { return (caps & capability) != 0; }
};

// Bits of TransportView::caps.
inline constexpr std::uint32_t kCapMultiR2t = 0x8;
inline constexpr std::uint32_t kCapHeaderDigest = 0x10;
inline constexpr std::uint32_t kCapDataDigest = 0x20;
inline constexpr std::uint32_t kCapTextNegotiation = 0x80;
inline constexpr std::uint32_t kCapMarkers = 0x100;
inline constexpr std::uint32_t kCapFirmwareDatabase = 0x200;
inline constexpr std::uint32_t kCapSendTargetsOffload = 0x400;
inline constexpr std::uint32_t kCapDataPathOffload = 0x800;
inline constexpr std::uint32_t kCapLoginOffload = 0x4000;

struct LunView {
    std::uint32_t host = 0;
    std::uint32_t channel = 0;
    std::uint32_t target = 0;
    std::uint64_t lun = 0;
    std::string state;         // "running", "transport-offline", ...
    std::string block_device;  // "sdb"; empty: none
};

struct HostView {
    std::uint32_t host_no = 0;
    std::string transport;  // empty if the host's driver is none of the iSCSI ones
    std::string state;      // "running", "recovery", ...
    std::string hwaddress;
    std::string ipaddress;
    std::string netdev;
    std::string initiatorname;
    std::string port_state;
    std::string port_speed;
};

struct SessionView {
    std::uint32_t sid = 0;
    std::optional<std::uint32_t> host_no;  // nullopt: the host went away first
    std::string target;
    std::int32_t tpgt = 0;
    std::string state;         // LOGGED_IN, FAILED, FREE
    std::int64_t creator = 0;  // -1: firmware
    std::string username;
    std::string password;
    std::string username_in;
    std::string password_in;
    std::string iface_name;
    std::string initiatorname;
    // Seconds; -1 for "off" and for what the kernel does not have.
    std::int32_t recovery_timeout = -1;
    std::int32_t target_reset_timeout = -1;
    std::int32_t lu_reset_timeout = -1;
    std::int32_t abort_timeout = -1;
    // The connection. Where the current address is empty there is no connection at the moment.
    std::string persistent_address;
    std::int32_t persistent_port = 0;
    std::string address;
    std::int32_t port = 0;
    // Negotiated; nullopt where the kernel has no value.
    std::optional<std::int64_t> header_digest;
    std::optional<std::int64_t> data_digest;
    std::optional<std::int64_t> max_recv_dlength;
    std::optional<std::int64_t> max_xmit_dlength;
    std::optional<std::int64_t> first_burst_len;
    std::optional<std::int64_t> max_burst_len;
    std::optional<std::int64_t> immediate_data;
    std::optional<std::int64_t> initial_r2t;
    std::optional<std::int64_t> max_outstanding_r2t;
    std::optional<std::int64_t> erl;
};

// What of a logged-in session changes, or may be changed by others, while it runs.
struct LiveView {
    std::optional<std::uint32_t> host_no;  // nullopt: the host went away first
    std::string state;
    std::int32_t recovery_timeout = -1;  // multipathd sets it
};

// What the initiator was told to do with a session, beyond what SessionView has; nullopt where the
// kernel has no value.
struct SettingsView {
    std::optional<std::int64_t> ping_interval;  // seconds
    std::optional<std::int64_t> ping_timeout;   // seconds
    std::optional<std::int64_t> fast_abort;
    std::optional<std::int64_t> queue_depth;
};

class Sysfs {
public:
    // `root` is /sys, or a tree of a test. `files` must outlive the object.
    explicit Sysfs(std::string root = "/sys", os::Files& files = os::system_files());

    std::optional<TransportView> transport(std::string_view name) const;
    // Of the transport class; nullopt while the module is not there.
    std::optional<std::string> transport_class_version() const;

    // In the order of the names as strings, as open-iscsi lists them: 1, 10, 2.
    std::vector<std::uint32_t> session_ids() const;
    std::vector<SessionView> sessions() const;
    // SysfsLookup with open-iscsi's sentence if there is no such session.
    base::Result<SessionView> session(std::uint32_t sid) const;

    std::vector<HostView> hosts() const;
    std::optional<HostView> host(std::uint32_t host_no) const;

    // nullopt if there is no such session.
    std::optional<LiveView> live(std::uint32_t sid) const;

    SettingsView settings(std::uint32_t sid, std::uint32_t host_no) const;

    std::vector<LunView> luns(std::uint32_t sid) const;
    // Those of many sessions, by host: much less work than luns() for each.
    std::map<std::uint32_t, std::vector<LunView>> luns_of(
        const std::set<std::uint32_t>& hosts) const;
    // ExpStatSN of a session's connection, as the kernel counts it.
    std::uint32_t exp_stat_sn(std::uint32_t sid) const;
    // Whether a session's connection works, as far as the kernel tells (older ones do not).
    bool connection_is_up(std::uint32_t sid) const;
    // Whether its devices are being removed, or have been: a logout has begun.
    bool is_leaving(std::uint32_t sid) const;
    // Whether they all have been.
    bool is_unbound(std::uint32_t sid) const;
    // Whether the kernel pings by itself.
    bool kernel_pings(std::uint32_t sid) const;

    std::string path(std::string_view relative) const;

private:
    std::string attribute(const std::string& directory, std::string_view name) const;
    std::optional<std::int64_t> number(const std::string& directory, std::string_view name) const;
    std::int32_t timeout(const std::string& directory, std::string_view name) const;
    std::optional<std::uint32_t> host_of_session(std::uint32_t sid) const;
    std::optional<LunView> lun(const std::string& directory, std::string_view name) const;
    // {"0:0:0:1": "sdb"}
    std::map<std::string, std::string> disks_by_device() const;
    void read_connection(SessionView& view) const;
    void read_negotiated(SessionView& view, const std::string& session_directory) const;

    std::string root_;
    os::Files* files_;
};

}  // namespace iscsi::datapath::kernel

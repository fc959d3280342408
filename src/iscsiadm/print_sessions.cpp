// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/print_sessions.hpp"

#include "base/version.hpp"
#include "iscsiadm/print_records.hpp"
#include "iscsiadm/sessions.hpp"
#include "record/text.hpp"

namespace iscsi::iscsiadm {

namespace {

using control::SessionInfo;
using record::or_empty;

// The version of the transport class whose behaviour the kernel's module has had since 2009.
constexpr std::string_view kTransportClassVersion = "2.0-870";
constexpr std::string_view kMask = "********";

std::string_view or_default(std::string_view text) { return text.empty() ? "default" : text; }
std::string_view yes_no(bool value) { return value ? "Yes" : "No"; }
std::string_view digest(bool crc32c) { return crc32c ? "CRC32C" : "None"; }

// "10.0.0.7", "[fe80::7]"; nothing is <empty>, or "[default]" while a session has no connection.
std::string local_address(std::string_view address, std::string_view when_none) {
    if (address.empty()) return std::string(when_none);
    if (address.find('.') != std::string_view::npos) return std::string(address);
    return fmt::format("[{}]", address);
}

// A title between two rules of stars.
class Section {
public:
    Section(Output& out, std::string_view indent) : out_(out), indent_(indent) {}
    void title(std::string_view text, std::size_t stars) {
        const std::string rule(stars, '*');
        for (const auto line : {std::string_view(rule), text, std::string_view(rule)}) {
            out_.line("{}\t\t{}", indent_, line);
        }
    }
    template <class Value>
    void field(std::string_view name, const Value& value) {
        out_.line("{}\t\t{}: {}", indent_, name, value);
    }

private:
    Output& out_;
    std::string_view indent_;
};

void print_interface(Section& section, const SessionInfo& session) {
    section.title("Interface:", 10);
    section.field("Iface Name", session.iface_name);
    section.field("Iface Transport", or_empty(session.transport));
    section.field("Iface Initiatorname", or_empty(session.iface_initiatorname));
    section.field("Iface IPaddress", local_address(session.iface_ipaddress, "[default]"));
    section.field("Iface HWaddress", or_default(session.iface_hwaddress));
    section.field("Iface Netdev", or_default(session.iface_netdev));
    section.field("SID", session.sid);
    section.field("iSCSI Connection State", control::words(session.connection_state));
    section.field("iSCSI Session State", or_empty(session.session_state));
    section.field("Internal iscsid Session State", control::words(session.internal_state));
}

void print_timeout(Section& section, std::string_view name, std::int32_t seconds) {
    if (seconds >= 0) return section.field(name, seconds);
    section.field(name, std::string_view("<empty>"));
}

void print_secret(Section& section, std::string_view name, const std::string& secret, bool show) {
    section.field(name, show ? or_empty(secret) : kMask);
}

void print_timeouts_and_chap(Section& section, const SessionInfo& session, bool show_secrets) {
    section.title("Timeouts:", 9);
    section.field("Recovery Timeout", session.recovery_timeout);
    print_timeout(section, "Target Reset Timeout", session.target_reset_timeout);
    print_timeout(section, "LUN Reset Timeout", session.lu_reset_timeout);
    print_timeout(section, "Abort Timeout", session.abort_timeout);
    section.title("CHAP:", 5);
    section.field("username", or_empty(session.username));
    print_secret(section, "password", session.password, show_secrets);
    section.field("username_in", or_empty(session.username_in));
    // Compat: shown in clear it is called `password` a second time.
    print_secret(section, show_secrets ? "password" : "password_in", session.password_in,
                 show_secrets);
}

void print_negotiated(Section& section, const SessionInfo& session) {
    section.title("Negotiated iSCSI params:", 24);
    section.field("HeaderDigest", digest(session.header_digest));
    section.field("DataDigest", digest(session.data_digest));
    section.field("MaxRecvDataSegmentLength", session.max_recv_data_segment_length);
    section.field("MaxXmitDataSegmentLength", session.max_xmit_data_segment_length);
    section.field("FirstBurstLength", session.first_burst_length);
    section.field("MaxBurstLength", session.max_burst_length);
    section.field("ImmediateData", yes_no(session.immediate_data));
    section.field("InitialR2T", yes_no(session.initial_r2t));
    section.field("MaxOutstandingR2T", session.max_outstanding_r2t);
}

void print_devices(Output& out, Section& section, const SessionInfo& session,
                   const TreeStyle& style) {
    section.title("Attached SCSI devices:", 24);
    if (!style.below_host) {
        out.line("{}\t\tHost Number: {}\tState: running", style.indent, session.host_no);
    }
    for (const auto& lun : session.luns) {
        out.line("{}\t\tscsi{} Channel 00 Id 0 Lun: {}", style.indent, session.host_no, lun.lun);
        if (lun.block_device.empty()) continue;
        out.line("{}\t\t\tAttached scsi disk {}\t\tState: {}", style.indent, lun.block_device,
                 lun.state);
    }
}

bool same_portals(const SessionInfo& a, const SessionInfo& b) {
    return a.current_address == b.current_address && a.current_port == b.current_port &&
           a.persistent_address == b.persistent_address && a.persistent_port == b.persistent_port &&
           a.tpgt == b.tpgt;
}

void print_portals(Output& out, const SessionInfo& session, std::string_view indent) {
    out.line("{}\tCurrent Portal: {},{}", indent,
             portal_text(session.current_address, session.current_port), session.tpgt);
    out.line("{}\tPersistent Portal: {},{}", indent,
             portal_text(session.persistent_address, session.persistent_port), session.tpgt);
}

void print_session(Output& out, const SessionInfo& session, const TreeStyle& style) {
    Section section(out, style.indent);
    print_interface(section, session);
    // Compat: clients know a session by its transport word, so the data path has a line of its own.
    if (!session.data_path.empty() && session.data_path != "kernel") {
        section.field("Data Path", session.data_path);
    }
    if (style.level >= 2 && !style.below_host) {
        print_timeouts_and_chap(section, session, style.show_secrets);
    }
    if (style.level >= 2) print_negotiated(section, session);
    if (style.level >= 3) print_devices(out, section, session, style);
}

}  // namespace

void print_sessions_flat(Output& out, std::span<const SessionInfo> sessions) {
    for (const auto& session : sessions) {
        out.line("{}: [{}] {},{} {} (non-flash)", session.transport, session.sid,
                 portal_text(session.persistent_address, session.persistent_port), session.tpgt,
                 session.target);
    }
}

void print_sessions_tree(Output& out, std::span<const SessionInfo> sessions,
                         const TreeStyle& style) {
    const SessionInfo* last = nullptr;
    for (const auto& session : sessions) {
        if (!last || last->target != session.target) {
            out.line("{}Target: {} (non-flash)", style.indent, session.target);
        }
        // Compat: one more session through the same portal gets an empty line in its stead.
        if (last && last->target == session.target && same_portals(*last, session)) {
            out.line("");
        } else {
            print_portals(out, session, style.indent);
        }
        print_session(out, session, style);
        last = &session;
    }
}

void print_versions(Output& out) {
    out.line("iSCSI Transport Class version {}", kTransportClassVersion);
    out.line("version {}", base::kVersion);
}

void print_host_flat(Output& out, const HostView& host) {
    out.line("{}: [{}] {},[{}],{} {}", host.transport, host.host_no,
             local_address(host.ip_address, "<empty>"), or_empty(host.hw_address),
             or_empty(host.netdev), or_empty(host.initiator_name));
}

void print_host_tree(Output& out, const HostView& host, std::int32_t level) {
    out.line("Host Number: {}", host.host_no);
    out.line("\tState: {}", host.state);
    out.line("\tTransport: {}", host.transport);
    out.line("\tInitiatorname: {}", or_empty(host.initiator_name));
    out.line("\tIPaddress: {}", local_address(host.ip_address, "<empty>"));
    out.line("\tHWaddress: {}", or_empty(host.hw_address));
    out.line("\tNetdev: {}", or_empty(host.netdev));
    if (level < 2 || host.sessions.empty()) return;
    out.line("\t*********");
    out.line("\tSessions:");
    out.line("\t*********");
    print_sessions_tree(out, host.sessions,
                        {.level = level - 1, .indent = "\t", .below_host = true});
}

namespace {

void print_counters(Output& out, std::string_view title,
                    std::span<const control::Counter> counters) {
    out.line("{}:", title);
    for (const auto& counter : counters) out.line("\t{}: {}", counter.name, counter.value);
}

}  // namespace

void print_stats(Output& out, const SessionInfo& session, const control::StatsInfo& stats) {
    out.line("Stats for session {}", describe(session));
    print_counters(out, "iSCSI SNMP", stats.counters);
    // Compat: the block is there only when there is something in it.
    if (!stats.extended.empty()) print_counters(out, "iSCSI Extended", stats.extended);
}

}  // namespace iscsi::iscsiadm

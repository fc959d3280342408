// SPDX-License-Identifier: LGPL-2.1-or-later
#include "datapath/kernel/operations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <concepts>

#include "record/iface.hpp"

namespace iscsi::datapath::kernel {

namespace {

class ParamList {
public:
    void text(Param param, std::string_view value) {
        if (!value.empty()) values.push_back({param, std::string(value)});
    }
    void flag(Param param, bool value) { values.push_back({param, value ? "1" : "0"}); }
    void number(Param param, std::integral auto value) {
        values.push_back({param, fmt::format("{}", value)});
    }

    std::vector<ParamValue> values;
};

std::uint16_t to_u16(std::int32_t value) {
    return static_cast<std::uint16_t>(std::clamp(value, 0, 0xffff));
}

}  // namespace

std::vector<ParamValue> identity_params(const Identity& identity, bool kernel_pings) {
    const auto& node = *identity.node;
    const auto& conn = node.conn[0];
    const auto& auth = node.session.auth;
    ParamList list;
    list.text(Param::TargetName, node.name);
    list.text(Param::PersistentAddress, conn.address);
    list.number(Param::PersistentPort, conn.port);
    list.number(Param::SessRecoveryTmo, node.session.timeo.replacement_timeout);
    list.text(Param::Username, auth.username);
    list.text(Param::UsernameIn, auth.username_in);
    list.text(Param::Password, auth.password.reveal());
    list.text(Param::PasswordIn, auth.password_in.reveal());
    list.flag(Param::FastAbort, node.session.iscsi.fast_abort);
    list.number(Param::AbortTmo, node.session.err_timeo.abort_timeout);
    list.number(Param::LuResetTmo, node.session.err_timeo.lu_reset_timeout);
    list.number(Param::TgtResetTmo, node.session.err_timeo.tgt_reset_timeout);
    if (kernel_pings) {
        list.number(Param::PingTmo, conn.timeo.noop_out_timeout);
        list.number(Param::RecvTmo, conn.timeo.noop_out_interval);
    }
    list.text(Param::IfaceName, node.iface.iscsi_ifacename);
    list.text(Param::InitiatorName, identity.initiator_name);
    list.flag(Param::DiscoverySess, false);
    return std::move(list.values);
}

std::vector<ParamValue> negotiated_params(const session::LoggedIn& login, std::int32_t tpgt,
                                          const TransportView& transport) {
    const auto& params = login.params;
    ParamList list;
    list.number(Param::MaxRecvDlength, params.max_recv_data_segment_length);
    list.number(Param::MaxXmitDlength, params.max_xmit_data_segment_length);
    if (transport.can(kCapHeaderDigest)) list.flag(Param::HdrdgstEn, params.header_digest);
    if (transport.can(kCapDataDigest)) list.flag(Param::DatadgstEn, params.data_digest);
    list.flag(Param::InitialR2tEn, params.initial_r2t);
    if (transport.can(kCapMultiR2t)) list.number(Param::MaxR2t, params.max_outstanding_r2t);
    list.flag(Param::ImmDataEn, params.immediate_data);
    list.number(Param::FirstBurst, params.first_burst_length);
    list.number(Param::MaxBurst, params.max_burst_length);
    // Compat: sysfs shows 0 where the target has not answered the key (LIO does not).
    list.flag(Param::PduInorderEn, params.data_pdu_in_order && params.data_pdu_in_order_answered);
    list.flag(Param::DataseqInorderEn,
              params.data_sequence_in_order && params.data_sequence_in_order_answered);
    list.number(Param::Erl, params.error_recovery_level);
    if (transport.can(kCapMarkers)) {
        list.flag(Param::IfmarkerEn, false);
        list.flag(Param::OfmarkerEn, false);
    }
    list.number(Param::ExpStatsn, login.exp_stat_sn.value);
    list.number(Param::Tpgt, params.target_portal_group_tag
                                 ? static_cast<std::int32_t>(*params.target_portal_group_tag)
                                 : tpgt);
    return std::move(list.values);
}

base::Result<KernelSession> Operations::create(const TransportView& transport,
                                               const record::Session& settings) {
    const SessionLimits limits{.initial_cmdsn = static_cast<std::uint32_t>(settings.initial_cmdsn),
                               .cmds_max = to_u16(settings.cmds_max),
                               .queue_depth = to_u16(settings.queue_depth)};
    ISCSI_TRY(const Outcome created, channel_.demand(create_session(transport.handle, limits),
                                                     "the kernel cannot create a session"));
    KernelSession session{transport, created.sid, created.host_no};
    const auto connected =
        channel_.demand(create_conn(session.connection()), "the kernel cannot create a connection");
    if (!connected) {
        // The session without a connection is of no use to anyone; the first error is what counts.
        (void)channel_.request(destroy_session(transport.handle, session.sid));
        return std::unexpected(connected.error());
    }
    return session;
}

base::Status Operations::bind(const KernelSession& session, int socket, const Identity& identity) {
    ISCSI_TRY_VOID(channel_.demand(
        bind_conn(session.connection(), static_cast<std::uint64_t>(socket), /*leading=*/true),
        fmt::format("the kernel cannot bind the connection to session {}", session.sid)));
    ISCSI_TRY_VOID(
        set_all(session.connection(), identity_params(identity, sysfs_.kernel_pings(session.sid))));
    set_host_params(session, identity.node->iface);
    return {};
}

void Operations::set_host_params(const KernelSession& session, const record::Iface& iface) {
    // A transport that has no such parameter says so; the session works without.
    const auto set_one = [&](HostParam param, const std::string& value) {
        if (value.empty()) return;
        (void)channel_.request(
            set_host_param(session.transport.handle, session.host_no, param, value));
    };
    set_one(HostParam::NetdevName, iface.net_ifacename);
    set_one(HostParam::HwAddress, iface.hwaddress);
}

base::Status Operations::send_pdu(const KernelSession& session, base::ConstByteSpan bhs,
                                  base::ConstByteSpan data) {
    ISCSI_TRY_VOID(channel_.demand(kernel::send_pdu(session.connection(), bhs, data),
                                   "the kernel cannot send a PDU"));
    return {};
}

base::Status Operations::start(const KernelSession& session, const session::LoggedIn& login,
                               std::int32_t tpgt) {
    ISCSI_TRY_VOID(
        set_all(session.connection(), negotiated_params(login, tpgt, session.transport)));
    ISCSI_TRY_VOID(channel_.demand(
        start_conn(session.connection()),
        fmt::format("the kernel cannot start the connection of session {}", session.sid)));
    return {};
}

base::Status Operations::stop_for_recovery(const KernelSession& session) {
    ISCSI_TRY_VOID(channel_.demand(
        stop_conn(session.connection(), StopFlag::Recover),
        fmt::format("the kernel cannot stop the connection of session {}", session.sid)));
    return {};
}

base::Status Operations::unbind(const KernelSession& session) {
    ISCSI_TRY_VOID(
        channel_.demand(unbind_session(session.transport.handle, session.sid),
                        fmt::format("the kernel cannot unbind session {}", session.sid)));
    return {};
}

base::Status Operations::destroy(const KernelSession& session, bool connection_in_use) {
    // Whatever the earlier steps say, the last one decides: a session that is gone is gone.
    if (connection_in_use) {
        (void)channel_.request(stop_conn(session.connection(), StopFlag::Terminate));
    }
    (void)channel_.request(destroy_conn(session.connection()));
    ISCSI_TRY_VOID(
        channel_.demand(destroy_session(session.transport.handle, session.sid),
                        fmt::format("the kernel cannot destroy session {}", session.sid)));
    return {};
}

base::Status Operations::set(const ConnectionId& id, const ParamValue& value) {
    const auto outcome = channel_.request(set_param(id, value.param, value.value));
    if (!outcome) {
        // ENOSYS: this transport has no such parameter and needs none.
        if (outcome.error().code == base::ErrorCode::NotSupported) return {};
        return std::unexpected(outcome.error());
    }
    if (outcome->retcode != 0 && outcome->retcode != -ENOSYS) {
        return base::fail_errno(base::ErrorCode::Login, -outcome->retcode,
                                fmt::format("the kernel refuses parameter {} of session {}",
                                            std::to_underlying(value.param), id.sid));
    }
    return {};
}

base::Status Operations::set_all(const ConnectionId& id, const std::vector<ParamValue>& values) {
    for (const auto& value : values) ISCSI_TRY_VOID(set(id, value));
    return {};
}

}  // namespace iscsi::datapath::kernel

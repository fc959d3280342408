// SPDX-License-Identifier: LGPL-2.1-or-later
// Sessions that run in the kernel when iscsid starts: what sysfs tells about them.
#include "base/numbers.hpp"
#include "datapath/kernel/session_state.hpp"

namespace iscsi::datapath {

namespace {

constexpr std::int64_t kFirmwareCreator = -1;

template <class Number>
void take_over(Number& into, const std::optional<std::int64_t>& from) {
    if (from) into = static_cast<Number>(*from);
}

session::LoggedIn negotiated(const kernel::SessionView& view) {
    session::LoggedIn login;
    auto& params = login.params;
    take_over(params.header_digest, view.header_digest);
    take_over(params.data_digest, view.data_digest);
    take_over(params.max_recv_data_segment_length, view.max_recv_dlength);
    take_over(params.max_xmit_data_segment_length, view.max_xmit_dlength);
    take_over(params.max_burst_length, view.max_burst_len);
    take_over(params.first_burst_length, view.first_burst_len);
    take_over(params.initial_r2t, view.initial_r2t);
    take_over(params.immediate_data, view.immediate_data);
    take_over(params.max_outstanding_r2t, view.max_outstanding_r2t);
    take_over(params.error_recovery_level, view.erl);
    if (view.tpgt >= 0) params.target_portal_group_tag = static_cast<std::uint16_t>(view.tpgt);
    return login;
}

record::Digest digest_wish(const std::optional<std::int64_t>& negotiated) {
    return negotiated.value_or(0) != 0 ? record::Digest::PreferCrc32c : record::Digest::PreferNone;
}

// The record as far as the kernel knows it: what the caller's database does not have.
record::Node record_of(const kernel::SessionView& view, const kernel::HostView& host,
                       const kernel::SettingsView& settings) {
    record::Node node;
    node.name = view.target;
    node.tpgt = view.tpgt;
    node.iface.iscsi_ifacename = view.iface_name;
    node.iface.transport_name = host.transport;
    node.iface.hwaddress = host.hwaddress;
    node.iface.net_ifacename = host.netdev;
    node.conn[0].address = view.persistent_address;
    node.conn[0].port = view.persistent_port;
    node.conn[0].iscsi.header_digest = digest_wish(view.header_digest);
    node.conn[0].iscsi.data_digest = digest_wish(view.data_digest);
    node.session.timeo.replacement_timeout = view.recovery_timeout;
    node.session.err_timeo.abort_timeout = view.abort_timeout;
    node.session.err_timeo.lu_reset_timeout = view.lu_reset_timeout;
    node.session.err_timeo.tgt_reset_timeout = view.target_reset_timeout;
    take_over(node.conn[0].timeo.noop_out_interval, settings.ping_interval);
    take_over(node.conn[0].timeo.noop_out_timeout, settings.ping_timeout);
    take_over(node.session.iscsi.fast_abort, settings.fast_abort);
    take_over(node.session.queue_depth, settings.queue_depth);
    auto& auth = node.session.auth;
    auth.username = view.username;
    auth.password = base::Secret(view.password);
    auth.username_in = view.username_in;
    auth.password_in = base::Secret(view.password_in);
    take_over(node.session.iscsi.initial_r2t, view.initial_r2t);
    take_over(node.session.iscsi.immediate_data, view.immediate_data);
    take_over(node.session.iscsi.first_burst_length, view.first_burst_len);
    take_over(node.session.iscsi.max_burst_length, view.max_burst_len);
    take_over(node.session.iscsi.max_outstanding_r2t, view.max_outstanding_r2t);
    take_over(node.conn[0].iscsi.max_recv_data_segment_length, view.max_recv_dlength);
    take_over(node.conn[0].iscsi.max_xmit_data_segment_length, view.max_xmit_dlength);
    return node;
}

// Its negotiated parameters come with its first connection. (FREE alone says nothing: a session is
// that too when replacement_timeout has passed.)
bool has_never_run(const kernel::SessionView& view) {
    return view.state == "FREE" && view.max_burst_len == 0;
}

}  // namespace

void KernelDataPath::find_running(std::function<void(std::vector<Adoptable>)> done) {
    std::vector<Adoptable> found;
    for (const auto& view : sysfs_.sessions()) {
        if (view.creator == kFirmwareCreator || !view.host_no) continue;
        const auto host = sysfs_.host(*view.host_no);
        if (!host || !sysfs_.transport(host->transport)) continue;
        Adoptable adoptable;
        adoptable.sid = view.sid;
        adoptable.spec = {.node = record_of(view, *host, sysfs_.settings(view.sid, *view.host_no)),
                          .initiator_name = view.initiatorname,
                          .transport = host->transport};
        adoptable.has_record = false;
        adoptable.logged_in = view.state == "LOGGED_IN" && sysfs_.connection_is_up(view.sid);
        adoptable.unfinished = sysfs_.is_leaving(view.sid) || has_never_run(view);
        adoptable.login = negotiated(view);
        adoptable.current_address = view.address;
        adoptable.current_port = static_cast<std::uint16_t>(view.port);
        adoptable.local_address = host->ipaddress;
        found.push_back(std::move(adoptable));
    }
    later([done = std::move(done), found = std::move(found)]() mutable { done(std::move(found)); });
}

void KernelDataPath::take(SessionKey key, std::uint64_t sid) {
    const auto view = sysfs_.session(static_cast<std::uint32_t>(sid));
    const auto host = view && view->host_no ? sysfs_.host(*view->host_no) : std::nullopt;
    const auto transport = host ? sysfs_.transport(host->transport) : std::nullopt;
    if (!transport) {
        return report_later(key, session::Gone{"the kernel's session is gone"});
    }
    auto session = std::make_unique<Session>();
    session->key = key;
    session->kernel = {*transport, view->sid, *view->host_no};
    session->spec = {.node = record_of(*view, *host, sysfs_.settings(view->sid, *view->host_no)),
                     .initiator_name = view->initiatorname,
                     .transport = host->transport};
    session->bound = true;
    session->started = view->state == "LOGGED_IN";
    sessions_[key] = std::move(session);
}

}  // namespace iscsi::datapath

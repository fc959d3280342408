// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsid/adoption.hpp"

#include <utility>

#include "base/log.hpp"
#include "session/supervisor.hpp"

namespace iscsi::iscsid {

using base::LogLevel;

namespace {

base::Result<record::Node> stored_record(const record::Node& node, store::Store& store) {
    auto stored = store.load(store::node_id(node));
    if (stored) return stored;
    // The tag in its name need not be the one that the target has told since.
    const auto found =
        store.find({.target = node.name,
                    .portal = record::Portal{node.conn[0].address, node.conn[0].port},
                    .iface = node.iface});
    if (!found || found->empty()) return stored;
    return store.load(found->front());
}

// What runs is known best by who runs it, however the record has been changed since.
void take_identity(const record::Node& from, record::Node& into) {
    into.name = from.name;
    into.conn[0].address = from.conn[0].address;
    into.conn[0].port = from.conn[0].port;
    into.iface.iscsi_ifacename = from.iface.iscsi_ifacename;
    into.iface.transport_name = from.iface.transport_name;
    into.iface.hwaddress = from.iface.hwaddress;
    into.iface.net_ifacename = from.iface.net_ifacename;
    auto& auth = into.session.auth;
    auth.username = from.session.auth.username;
    auth.password = from.session.auth.password;
    auth.username_in = from.session.auth.username_in;
    auth.password_in = from.session.auth.password_in;
}

// The settings that the kernel shows, as they were negotiated.
void take_settings(const record::Node& from, record::Node& into) {
    into.tpgt = from.tpgt;
    into.session.timeo = from.session.timeo;
    const auto host_reset_timeout = into.session.err_timeo.host_reset_timeout;
    into.session.err_timeo = from.session.err_timeo;
    into.session.err_timeo.host_reset_timeout = host_reset_timeout;
    into.session.iscsi.initial_r2t = from.session.iscsi.initial_r2t;
    into.session.iscsi.immediate_data = from.session.iscsi.immediate_data;
    into.session.iscsi.first_burst_length = from.session.iscsi.first_burst_length;
    into.session.iscsi.max_burst_length = from.session.iscsi.max_burst_length;
    into.session.iscsi.max_outstanding_r2t = from.session.iscsi.max_outstanding_r2t;
    into.session.iscsi.fast_abort = from.session.iscsi.fast_abort;
    into.session.queue_depth = from.session.queue_depth;
    into.conn[0].timeo.noop_out_interval = from.conn[0].timeo.noop_out_interval;
    into.conn[0].timeo.noop_out_timeout = from.conn[0].timeo.noop_out_timeout;
    into.conn[0].iscsi.max_recv_data_segment_length =
        from.conn[0].iscsi.max_recv_data_segment_length;
    into.conn[0].iscsi.max_xmit_data_segment_length =
        from.conn[0].iscsi.max_xmit_data_segment_length;
    into.conn[0].iscsi.header_digest = from.conn[0].iscsi.header_digest;
    into.conn[0].iscsi.data_digest = from.conn[0].iscsi.data_digest;
}

record::Node completed(const record::Node& known, store::Store& store,
                       const record::Node& defaults) {
    auto stored = stored_record(known, store);
    record::Node node = defaults;
    if (stored) {
        node = std::move(*stored);
    } else {
        base::log(LogLevel::Warning,
                  "{}: Could not read data from db. Using default and currently negotiated values",
                  known.name);
        take_settings(known, node);
    }
    take_identity(known, node);
    for (const std::string& note : session::normalize_timeouts(node)) {
        base::log(LogLevel::Error, "{}: {}", node.name, note);
    }
    return node;
}

}  // namespace

record::Node adopted_record(const datapath::Adoptable& running, store::Store& store,
                            const record::Node& defaults) {
    record::Node node = running.spec.node;
    if (!running.has_record) return completed(node, store, defaults);
    if (running.has_secrets) return node;
    if (auto stored = store.load(store::node_id(node))) {
        node.session.auth = std::move(stored->session.auth);
    } else if (!node.session.auth.username.empty()) {
        base::log(LogLevel::Warning, "{}: no record has its CHAP secret: {}", node.name,
                  stored.error().message);
    }
    return node;
}

}  // namespace iscsi::iscsid

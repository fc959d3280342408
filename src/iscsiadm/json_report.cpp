// SPDX-License-Identifier: LGPL-2.1-or-later
// One document, printed when the command is over. Its shape is documented in iscsiadm(8); `format`
// counts up when something in it changes or goes, not when something is added.
#include <nlohmann/json.hpp>

#include "iscsiadm/report.hpp"
#include "record/json.hpp"

namespace iscsi::iscsiadm {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;
constexpr int kIndent = 2;

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json portal(const std::string& address, std::int64_t port, std::int32_t tag) {
    return {{"address", address}, {"port", port}, {"tag", tag < 0 ? Json(nullptr) : Json(tag)}};
}

Json node(const store::NodeId& id) {
    return {{"target", id.target},
            {"portal", portal(id.address, id.port, id.tpgt)},
            {"iface", id.iface}};
}

Json node_list(std::span<const store::NodeId> ids) {
    Json list = Json::array();
    for (const auto& id : ids) list.push_back(node(id));
    return list;
}

Json iface(const control::SessionInfo& session) {
    return {{"name", session.iface_name},
            {"transport", session.transport},
            {"initiatorname", text_or_null(session.iface_initiatorname)},
            {"ipaddress", text_or_null(session.iface_ipaddress)},
            {"hwaddress", text_or_null(session.iface_hwaddress)},
            {"netdev", text_or_null(session.iface_netdev)}};
}

Json negotiated(const control::SessionInfo& session) {
    const auto digest = [](bool crc32c) { return crc32c ? "CRC32C" : "None"; };
    return {{"HeaderDigest", digest(session.header_digest)},
            {"DataDigest", digest(session.data_digest)},
            {"MaxRecvDataSegmentLength", session.max_recv_data_segment_length},
            {"MaxXmitDataSegmentLength", session.max_xmit_data_segment_length},
            {"FirstBurstLength", session.first_burst_length},
            {"MaxBurstLength", session.max_burst_length},
            {"ImmediateData", session.immediate_data},
            {"InitialR2T", session.initial_r2t},
            {"MaxOutstandingR2T", session.max_outstanding_r2t}};
}

Json lun(const control::LunInfo& lun) {
    return {{"lun", lun.lun},
            {"disk", text_or_null(lun.block_device)},
            {"state", text_or_null(lun.state)},
            {"type", lun.peripheral_type},
            {"vendor", text_or_null(lun.vendor)},
            {"product", text_or_null(lun.product)},
            {"revision", text_or_null(lun.revision)},
            {"blocks", lun.block_count},
            {"block_bytes", lun.block_bytes}};
}

Json chap(const control::SessionInfo& session) {
    // Secrets that were not asked for with -S have not been fetched.
    return {{"username", text_or_null(session.username)},
            {"password", text_or_null(session.password)},
            {"username_in", text_or_null(session.username_in)},
            {"password_in", text_or_null(session.password_in)}};
}

Json session(const control::SessionInfo& info) {
    Json luns = Json::array();
    for (const auto& each : info.luns) luns.push_back(lun(each));
    return {{"sid", info.sid},
            {"host", info.host_no},
            {"transport", info.transport},
            {"data_path", info.data_path.empty() ? "kernel" : info.data_path},
            {"target", info.target},
            {"persistent_portal", portal(info.persistent_address, info.persistent_port, info.tpgt)},
            {"current_portal", portal(info.current_address, info.current_port, info.tpgt)},
            {"iface", iface(info)},
            {"connection_state", control::words(info.connection_state)},
            {"session_state", text_or_null(info.session_state)},
            {"internal_state", control::words(info.internal_state)},
            {"timeouts",
             {{"recovery", info.recovery_timeout},
              {"target_reset", info.target_reset_timeout},
              {"lun_reset", info.lu_reset_timeout},
              {"abort", info.abort_timeout}}},
            {"chap", chap(info)},
            {"negotiated", negotiated(info)},
            {"luns", std::move(luns)}};
}

Json session_list(std::span<const control::SessionInfo> sessions) {
    Json list = Json::array();
    for (const auto& each : sessions) list.push_back(session(each));
    return list;
}

// Mode fw has no -S, so secrets are masked.
Json boot_target(const firmware::BootTarget& target) {
    const auto masked = [](const base::Secret& secret) {
        return secret.empty() ? Json(nullptr) : Json("********");
    };
    const auto& nic = target.nic;
    return {{"target", target.name},
            {"portal", portal(target.address, target.port, firmware::kBootTag)},
            {"lun", text_or_null(target.lun)},
            {"of_this_boot", target.of_this_boot},
            {"initiatorname", text_or_null(target.initiator_name)},
            {"isid", text_or_null(target.isid)},
            {"chap",
             {{"username", text_or_null(target.username)},
              {"password", masked(target.password)},
              {"username_in", text_or_null(target.username_in)},
              {"password_in", masked(target.password_in)}}},
            {"nic",
             {{"netdev", text_or_null(nic.netdev)},
              {"hwaddress", text_or_null(nic.mac)},
              {"dhcp", nic.uses_dhcp},
              {"ipaddress", text_or_null(nic.ip_address)},
              {"prefix_len", text_or_null(nic.prefix_length)},
              {"subnet_mask", text_or_null(nic.subnet_mask)},
              {"gateway", text_or_null(nic.gateway)},
              {"primary_dns", text_or_null(nic.primary_dns)},
              {"secondary_dns", text_or_null(nic.secondary_dns)},
              {"vlan_id", text_or_null(nic.vlan)}}}};
}

Json counters(std::span<const control::Counter> counters) {
    Json object = Json::object();
    for (const auto& counter : counters) object[counter.name] = counter.value;
    return object;
}

// Name of an event's result; nullptr for those that only begin something.
const char* result_name(Event::What what) {
    switch (what) {
        case Event::What::LoginBegun:
        case Event::What::LogoutBegun:
        case Event::What::RescanBegun:
            return nullptr;
        case Event::What::Login:
            return "login";
        case Event::What::Logout:
            return "logout";
        case Event::What::Rescan:
            return "rescan";
        case Event::What::NodeAdded:
            return "node added";
        case Event::What::DiscoveryAdded:
            return "discovery record added";
        case Event::What::IfaceAdded:
            return "iface added";
        case Event::What::IfaceUpdated:
            return "iface updated";
        case Event::What::IfaceDeleted:
            return "iface deleted";
        case Event::What::IfaceApplied:
            return "iface applied";
        case Event::What::HostApplied:
            return "host applied";
        case Event::What::Ping:
            return "ping";
    }
    return nullptr;
}

class JsonReport final : public Report {
public:
    explicit JsonReport(Output& output) : out_(output) { out_.keep_errors(); }

    bool wants_everything() const override { return true; }

    void nodes(std::span<const store::NodeId> nodes, std::int32_t) override {
        document_["nodes"] = node_list(nodes);
    }
    void found(std::span<const store::NodeId> nodes, std::int32_t) override {
        document_["found"] = node_list(nodes);
    }
    void sources(std::span<const DiscoverySource> sources, std::int32_t) override {
        Json list = Json::array();
        for (const auto& source : sources) {
            list.push_back({{"type", record::word_of(source.type)},
                            {"address", source.id ? Json(source.id->address) : Json(nullptr)},
                            {"port", source.id ? Json(source.id->port) : Json(nullptr)},
                            {"nodes", node_list(source.nodes)}});
        }
        document_["sources"] = std::move(list);
    }
    void ifaces(std::span<const record::Iface> ifaces) override {
        for (const auto& each : ifaces) add_record(each, /*show_secrets=*/false);
    }
    void bindings(std::span<const IfaceBinding> bindings) override {
        Json list = Json::array();
        for (const auto& each : bindings) {
            list.push_back({{"iface", each.iface}, {"nodes", node_list(each.nodes)}});
        }
        document_["bindings"] = std::move(list);
    }
    void record(const record::Node& record, bool show_secrets) override {
        add_record(record, show_secrets);
    }
    void record(const record::Iface& record, bool show_secrets) override {
        add_record(record, show_secrets);
    }
    void record(const record::SendTargets& record, bool show_secrets) override {
        add_record(record, show_secrets);
    }
    void record(const record::Isns& record, bool show_secrets) override {
        add_record(record, show_secrets);
    }
    void sessions(std::span<const control::SessionInfo> sessions, std::int32_t, bool) override {
        document_["sessions"] = session_list(sessions);
    }
    void hosts(std::span<const HostView> hosts, std::int32_t) override {
        Json list = Json::array();
        for (const auto& host : hosts) {
            list.push_back({{"host", host.host_no},
                            {"state", host.state},
                            {"transport", host.transport},
                            {"initiatorname", text_or_null(host.initiator_name)},
                            {"ipaddress", text_or_null(host.ip_address)},
                            {"hwaddress", text_or_null(host.hw_address)},
                            {"netdev", text_or_null(host.netdev)},
                            {"sessions", session_list(host.sessions)}});
        }
        document_["hosts"] = std::move(list);
    }
    void stats(const control::SessionInfo& session, const control::StatsInfo& stats) override {
        document_["stats"].push_back({{"sid", session.sid},
                                      {"target", session.target},
                                      {"counters", counters(stats.counters)},
                                      {"extended", counters(stats.extended)}});
    }
    void boot_targets(std::span<const firmware::BootTarget> targets) override {
        Json list = Json::array();
        for (const auto& target : targets) list.push_back(boot_target(target));
        document_["boot_targets"] = std::move(list);
    }
    void boot_problems(std::span<const std::string> problems) override {
        for (const auto& problem : problems) out_.error_text(problem);
    }
    void event(const Event& event) override {
        const char* name = result_name(event.what);
        if (name == nullptr) return;
        Json result{{"what", name}, {"code", std::to_underlying(event.code)}};
        if (event.node) result.update(node(*event.node));
        if (event.sid) result["sid"] = *event.sid;
        if (!event.name.empty()) result["name"] = event.name;
        document_["results"].push_back(std::move(result));
    }
    void finish(int status) override {
        Json whole{{"format", kFormat}, {"status", status}, {"errors", out_.errors()}};
        whole.update(document_);
        // What is no UTF-8 in a record or from a target must not keep the rest from being told.
        out_.text(whole.dump(kIndent, ' ', false, Json::error_handler_t::replace));
        out_.text("\n");
    }

private:
    template <class Record>
    void add_record(const Record& record, bool show_secrets) {
        document_["records"].push_back(record::to_json(record, show_secrets));
    }

    Output& out_;
    Json document_ = Json::object();
};

}  // namespace

std::unique_ptr<Report> json_report(Output& output) { return std::make_unique<JsonReport>(output); }

}  // namespace iscsi::iscsiadm

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "userlink/messages.hpp"

#include <array>
#include <nlohmann/json.hpp>

#include "base/json_fields.hpp"
#include "base/numbers.hpp"

namespace iscsi::userlink {

using base::JsonReader;
using base::JsonWriter;
using nlohmann::json;

namespace {

std::string to_hex(std::string_view bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const char c : bytes) {
        const auto byte = static_cast<std::uint8_t>(c);
        out += kDigits[byte >> 4];
        out += kDigits[byte & 15];
    }
    return out;
}

bool from_hex(std::string_view hex, std::string& out) {
    if (hex.size() % 2 != 0) return false;
    out.clear();
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        const auto byte = base::parse_hex(hex.substr(i, 2));
        if (!byte) return false;
        out += static_cast<char>(*byte);
    }
    return true;
}

// A field whose value is raw bytes: hexadecimal on the wire.
struct Bytes {
    std::string& value;
};
json to_json_field(Bytes bytes) { return to_hex(bytes.value); }
bool from_json_field(const json& in, Bytes out) {
    return in.is_string() && from_hex(in.get_ref<const std::string&>(), out.value);
}

struct IsidField {
    Isid& value;
};
json to_json_field(IsidField isid) {
    return to_hex(std::string(isid.value.begin(), isid.value.end()));
}
bool from_json_field(const json& in, IsidField out) {
    std::string raw;
    if (!from_json_field(in, Bytes{raw}) || raw.size() != out.value.size()) return false;
    for (std::size_t i = 0; i < raw.size(); ++i) {
        out.value[i] = static_cast<std::uint8_t>(raw[i]);
    }
    return true;
}

}  // namespace

template <class A>
void fields(A& a, SessionConfig& c) {
    a("sid", c.sid);
    a("target", c.target);
    a("persistent_address", c.persistent_address);
    a("persistent_port", c.persistent_port);
    a("tpgt", c.tpgt);
    a("initiator_name", c.initiator_name);
    a("transport", c.transport);
    a("iface_name", c.iface_name);
    a("iface_hwaddress", c.iface_hwaddress);
    a("iface_net_ifacename", c.iface_net_ifacename);
    a("iface_ipaddress", c.iface_ipaddress);
    a("replacement_timeout_s", c.replacement_timeout_s);
    a("abort_timeout_s", c.abort_timeout_s);
    a("lu_reset_timeout_s", c.lu_reset_timeout_s);
    a("tgt_reset_timeout_s", c.tgt_reset_timeout_s);
    a("noop_out_interval_s", c.noop_out_interval_s);
    a("noop_out_timeout_s", c.noop_out_timeout_s);
    a("queue_depth", c.queue_depth);
    a("cmds_max", c.cmds_max);
    a("scan_auto", c.scan_auto);
    a("fast_abort", c.fast_abort);
    a("record", c.record);
}

template <class A>
void fields(A& a, Negotiated& n) {
    a("header_digest", n.header_digest);
    a("data_digest", n.data_digest);
    a("initial_r2t", n.initial_r2t);
    a("immediate_data", n.immediate_data);
    a("data_pdu_in_order", n.data_pdu_in_order);
    a("data_sequence_in_order", n.data_sequence_in_order);
    a("max_recv_data_segment_length", n.max_recv_data_segment_length);
    a("max_xmit_data_segment_length", n.max_xmit_data_segment_length);
    a("first_burst_length", n.first_burst_length);
    a("max_burst_length", n.max_burst_length);
    a("max_outstanding_r2t", n.max_outstanding_r2t);
    a("error_recovery_level", n.error_recovery_level);
    a("time2wait_s", n.time2wait_s);
    a("time2retain_s", n.time2retain_s);
}

template <class A>
void fields(A& a, Binding& b) {
    a("generation", b.generation);
    a("negotiated", b.negotiated);
    a("isid", IsidField{b.isid});
    a("tsih", b.tsih);
    a("cid", b.cid);
    a("tpgt", b.tpgt);
    a("cmd_sn", b.cmd_sn);
    a("exp_stat_sn", b.exp_stat_sn);
    a("exp_cmd_sn", b.exp_cmd_sn);
    a("max_cmd_sn", b.max_cmd_sn);
    a("received", Bytes{b.received});
    a("current_address", b.current_address);
    a("current_port", b.current_port);
    a("local_address", b.local_address);
    a("target_alias", b.target_alias);
}

template <class A>
void fields(A& a, Stats& s) {
    a("txdata_octets", s.txdata_octets);
    a("rxdata_octets", s.rxdata_octets);
    a("noptx_pdus", s.noptx_pdus);
    a("scsicmd_pdus", s.scsicmd_pdus);
    a("tmfcmd_pdus", s.tmfcmd_pdus);
    a("login_pdus", s.login_pdus);
    a("text_pdus", s.text_pdus);
    a("dataout_pdus", s.dataout_pdus);
    a("logout_pdus", s.logout_pdus);
    a("snack_pdus", s.snack_pdus);
    a("noprx_pdus", s.noprx_pdus);
    a("scsirsp_pdus", s.scsirsp_pdus);
    a("tmfrsp_pdus", s.tmfrsp_pdus);
    a("textrsp_pdus", s.textrsp_pdus);
    a("datain_pdus", s.datain_pdus);
    a("logoutrsp_pdus", s.logoutrsp_pdus);
    a("r2t_pdus", s.r2t_pdus);
    a("async_pdus", s.async_pdus);
    a("rjt_pdus", s.rjt_pdus);
    a("digest_err", s.digest_err);
    a("timeout_err", s.timeout_err);
    a("eh_abort_cnt", s.eh_abort_cnt);
}

template <class A>
void fields(A& a, LunStatus& l) {
    a("lun", l.lun);
    a("peripheral_type", l.peripheral_type);
    a("block_device", l.block_device);
    a("state", l.state);
    a("vendor", l.vendor);
    a("product", l.product);
    a("revision", l.revision);
    a("serial", l.serial);
    a("block_count", l.block_count);
    a("block_bytes", l.block_bytes);
    a("read_only", l.read_only);
}

template <class A>
void fields(A& a, Status& s) {
    a("config", s.config);
    a("binding", s.binding);
    a.bounded("state", s.state, SessionState::Terminated);
    a("recovery_expired", s.recovery_expired);
    a("pid", s.pid);
    a("pending_commands", s.pending_commands);
    a("luns", s.luns);
}

template <class A>
void fields(A& a, Hello& h) {
    a("version", h.version);
    a.bounded("role", h.role, Role::Controller);
    a("log", h.log);
}
template <class A>
void fields(A& a, Configure& c) {
    a("config", c.config);
}
template <class A>
void fields(A& a, Bind& b) {
    a("binding", b.binding);
}
template <class A>
void fields(A& a, Stop& s) {
    a.bounded("mode", s.mode, StopMode::Terminate);
}
template <class A>
void fields(A&, Rescan&) {}
template <class A>
void fields(A& a, Logout& l) {
    a("timeout_s", l.timeout_s);
}
template <class A>
void fields(A& a, LogoutConnection& l) {
    a("timeout_s", l.timeout_s);
}
template <class A>
void fields(A&, GetStats&) {}
template <class A>
void fields(A&, GetStatus&) {}

template <class A>
void fields(A&, Done&) {}
template <class A>
void fields(A& a, Failure& f) {
    a.bounded("code", f.code, base::ErrorCode::RequestTimedOut);
    a("message", f.message);
}
template <class A>
void fields(A& a, RescanDone& r) {
    a("luns", r.luns);
    a("devices", r.devices);
    a("problems", r.problems);
    a("failures", r.failures);
    a("missing", r.missing);
    a("remarks", r.remarks);
}
template <class A>
void fields(A& a, LoggedOut& l) {
    a("losses", l.losses);
}

template <class A>
void fields(A& a, ConnectionError& e) {
    a("generation", e.generation);
    a("number", e.number);
    a("text", e.text);
}
template <class A>
void fields(A& a, AsyncMessage& m) {
    a("generation", m.generation);
    a("async_event", m.event);
    a("vendor_code", m.vendor_code);
    a("parameter1", m.parameter1);
    a("parameter2", m.parameter2);
    a("parameter3", m.parameter3);
    a("luns_changed", m.luns_changed);
}
template <class A>
void fields(A& a, LogoutDone& l) {
    a("generation", l.generation);
    a("responded", l.responded);
    a("response", l.response);
    a("time2wait_s", l.time2wait_s);
    a("time2retain_s", l.time2retain_s);
}
template <class A>
void fields(A&, RecoveryTimeout&) {}
template <class A>
void fields(A& a, DevicesChanged& d) {
    a("reason", d.reason);
}
template <class A>
void fields(A& a, Terminated& t) {
    a("reason", t.reason);
}
template <class A>
void fields(A& a, LogLine& l) {
    a.bounded("level", l.level, base::LogLevel::Debug);
    a("text", l.text);
}

namespace {

// The word of each alternative, in the order of its variant.
constexpr std::array kRequestNames = {
    "hello",  "configure",         "bind",      "stop",      "rescan",
    "logout", "logout_connection", "get_stats", "get_status"};
constexpr std::array kAnswerNames = {"ok", "error", "rescan_done", "stats", "status", "logged_out"};
constexpr std::array kEventNames = {
    "conn_error",      "async_message", "logout_done", "recovery_timeout",
    "devices_changed", "terminated",    "log"};

template <class Variant, std::size_t N>
void write_body(json& out, const char* kind, const std::array<const char*, N>& names,
                const Variant& body) {
    static_assert(N == std::variant_size_v<Variant>);
    out[kind] = names[body.index()];
    std::visit(
        [&out]<class T>(const T& value) {
            JsonWriter writer(out);
            fields(writer, const_cast<T&>(value));  // the shared list takes a reference to write to
        },
        body);
}

template <class Variant, std::size_t I = 0>
void emplace_alternative(Variant& body, std::size_t index) {
    if constexpr (I < std::variant_size_v<Variant>) {
        if (index == I) {
            body.template emplace<I>();
        } else {
            emplace_alternative<Variant, I + 1>(body, index);
        }
    }
}

template <class Variant, std::size_t N>
base::Status read_body(const json& in, const char* kind, const std::array<const char*, N>& names,
                       Variant& body) {
    using base::ErrorCode;
    const auto found = in.find(kind);
    if (found == in.end() || !found->is_string()) {
        return base::fail(ErrorCode::InvalidRequest, "message without \"{}\"", kind);
    }
    const auto& name = found->template get_ref<const std::string&>();
    for (std::size_t i = 0; i < N; ++i) {
        if (name != names[i]) continue;
        emplace_alternative(body, i);
        std::string problem;
        JsonReader reader(in, problem);
        std::visit([&reader](auto& value) { fields(reader, value); }, body);
        if (problem.empty()) return {};
        return base::fail(ErrorCode::InvalidRequest, "{} {}: bad value of \"{}\"", kind, name,
                          problem);
    }
    return base::fail(ErrorCode::InvalidRequest, "unknown {} \"{}\"", kind, name);
}

base::Result<json> parse_object(std::string_view text) {
    auto parsed = json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!parsed.is_object()) {
        return base::fail(base::ErrorCode::InvalidRequest, "message is not a JSON object");
    }
    return parsed;
}

std::string dump(const json& value) {
    // A record may hold bytes that are no UTF-8; they must not turn into an exception.
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

base::Result<std::uint64_t> read_id(const json& in) {
    const auto found = in.find("id");
    if (found == in.end() || !found->is_number_unsigned()) {
        return base::fail(base::ErrorCode::InvalidRequest, "message without \"id\"");
    }
    return found->get<std::uint64_t>();
}

}  // namespace

std::string encode(const Request& request) {
    json out = {{"id", request.id}};
    write_body(out, "request", kRequestNames, request.body);
    return dump(out);
}

std::string encode(const Answer& answer) {
    json out = {{"id", answer.id}};
    write_body(out, "answer", kAnswerNames, answer.body);
    return dump(out);
}

std::string encode(const Event& event) {
    json out = json::object();
    write_body(out, "event", kEventNames, event);
    return dump(out);
}

base::Result<Request> decode_request(std::string_view text) {
    ISCSI_TRY(const json in, parse_object(text));
    Request request;
    ISCSI_TRY(request.id, read_id(in));
    ISCSI_TRY_VOID(read_body(in, "request", kRequestNames, request.body));
    return request;
}

base::Result<FromUserd> decode_from_userd(std::string_view text) {
    ISCSI_TRY(const json in, parse_object(text));
    if (in.contains("event")) {
        Event event;
        ISCSI_TRY_VOID(read_body(in, "event", kEventNames, event));
        return event;
    }
    Answer answer;
    ISCSI_TRY(answer.id, read_id(in));
    ISCSI_TRY_VOID(read_body(in, "answer", kAnswerNames, answer.body));
    return answer;
}

std::optional<std::uint64_t> request_id(std::string_view text) {
    const auto in = parse_object(text);
    if (!in) return std::nullopt;
    const auto id = read_id(*in);
    if (!id) return std::nullopt;
    return *id;
}

std::string socket_path(std::string_view rundir, std::uint64_t sid) {
    return fmt::format("{}/userd/{}.sock", rundir, sid);
}

std::optional<std::uint64_t> sid_of_socket_name(std::string_view file_name) {
    constexpr std::string_view kSuffix = ".sock";
    if (!file_name.ends_with(kSuffix)) return std::nullopt;
    return base::parse_unsigned(file_name.substr(0, file_name.size() - kSuffix.size()));
}

}  // namespace iscsi::userlink

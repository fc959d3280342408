// SPDX-License-Identifier: LGPL-2.1-or-later
#include "control/messages.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/json_fields.hpp"
#include "record/text.hpp"

namespace iscsi::control {

using base::ErrorCode;
using base::JsonReader;
using base::JsonWriter;
using nlohmann::json;

namespace {

// A record travels as the text of its file: the one form that every version writes and reads.
void record_field(JsonWriter& writer, const record::Node& node) {
    writer("record", record::print_file(node));
}
void record_field(JsonReader& reader, record::Node& node) {
    std::string text;
    reader("record", text);
    if (text.empty() || text.size() > kRecordBytesMax) return reader.report("record");
    if (!record::parse_into(node, text).empty()) reader.report("record");
}

}  // namespace

template <class A>
void fields(A& a, LoginItem& item) {
    record_field(a, item.node);
    a("multiple", item.multiple);
}
template <class A>
void fields(A& a, Login& login) {
    a("items", login.items);
    a("no_wait", login.no_wait);
}
template <class A>
void fields(A& a, Logout& logout) {
    a("sids", logout.sids);
}
template <class A>
void fields(A& a, ListSessions& list) {
    a("sids", list.sids);
    a("luns", list.luns);
    a("secrets", list.secrets);
    a("unfinished", list.unfinished);
}
template <class A>
void fields(A& a, GetStats& stats) {
    a("sids", stats.sids);
}
template <class A>
void fields(A& a, Rescan& rescan) {
    a("sids", rescan.sids);
}
template <class A>
void fields(A&, GetInfo&) {}
template <class A>
void fields(A&, Stop&) {}

template <class A>
void fields(A& a, ItemDone& done) {
    a("index", done.index);
    a("sid", done.sid);
    a.bounded("code", done.code, static_cast<ErrorCode>(base::kErrorCodeLast));
    a("message", done.message);
}
template <class A>
void fields(A& a, Notice& notice) {
    a("index", notice.index);
    a("text", notice.text);
}
template <class A>
void fields(A& a, DaemonInfo& info) {
    a("version", info.version);
    a("config_file", info.config_file);
    a("initiatorname_file", info.initiatorname_file);
    a("initiator_name", info.initiator_name);
    a("initiator_alias", info.initiator_alias);
    a("pid", info.pid);
}
template <class A>
void fields(A& a, LunInfo& lun) {
    a("lun", lun.lun);
    a("block_device", lun.block_device);
    a("state", lun.state);
    a("peripheral_type", lun.peripheral_type);
    a("vendor", lun.vendor);
    a("product", lun.product);
    a("revision", lun.revision);
    a("block_count", lun.block_count);
    a("block_bytes", lun.block_bytes);
}
template <class A>
void fields(A& a, SessionInfo& s) {
    a("sid", s.sid);
    a("host_no", s.host_no);
    a("transport", s.transport);
    a("data_path", s.data_path);
    a("target", s.target);
    a("tpgt", s.tpgt);
    a("persistent_address", s.persistent_address);
    a("persistent_port", s.persistent_port);
    a("current_address", s.current_address);
    a("current_port", s.current_port);
    a("iface_name", s.iface_name);
    a("iface_initiatorname", s.iface_initiatorname);
    a("iface_ipaddress", s.iface_ipaddress);
    a("iface_hwaddress", s.iface_hwaddress);
    a("iface_netdev", s.iface_netdev);
    a.bounded("connection_state", s.connection_state, ConnectionState::CleanupWait);
    a("session_state", s.session_state);
    a.bounded("internal_state", s.internal_state, InternalState::Redirect);
    a("logging_in", s.logging_in);
    a("recovery_timeout", s.recovery_timeout);
    a("target_reset_timeout", s.target_reset_timeout);
    a("lu_reset_timeout", s.lu_reset_timeout);
    a("abort_timeout", s.abort_timeout);
    a("username", s.username);
    a("password", s.password);
    a("username_in", s.username_in);
    a("password_in", s.password_in);
    a("header_digest", s.header_digest);
    a("data_digest", s.data_digest);
    a("max_recv_data_segment_length", s.max_recv_data_segment_length);
    a("max_xmit_data_segment_length", s.max_xmit_data_segment_length);
    a("first_burst_length", s.first_burst_length);
    a("max_burst_length", s.max_burst_length);
    a("immediate_data", s.immediate_data);
    a("initial_r2t", s.initial_r2t);
    a("max_outstanding_r2t", s.max_outstanding_r2t);
    a("luns", s.luns);
}
template <class A>
void fields(A& a, Counter& counter) {
    a("name", counter.name);
    a("value", counter.value);
}
template <class A>
void fields(A& a, StatsInfo& stats) {
    a("index", stats.index);
    a("sid", stats.sid);
    a("counters", stats.counters);
    a("extended", stats.extended);
}
template <class A>
void fields(A& a, Done& done) {
    a.bounded("code", done.code, static_cast<ErrorCode>(base::kErrorCodeLast));
    a("message", done.message);
}

namespace {

// In the order of the variant's alternatives.
constexpr std::array<const char*, std::variant_size_v<Request>> kRequestNames = {
    "login", "logout", "sessions", "stats", "rescan", "info", "stop"};
constexpr std::array<const char*, std::variant_size_v<Answer> - 1> kProgressNames = {
    "item", "notice", "info", "session", "stats"};

std::string to_line(const json& object) {
    // Names and messages may hold bytes that are no UTF-8; they must not end the daemon.
    return object.dump(-1, ' ', false, json::error_handler_t::replace) + '\n';
}

base::Result<json> parse_object(std::string_view line, std::size_t bytes_max) {
    if (line.size() > bytes_max) {
        return base::fail(ErrorCode::InvalidRequest, "a message of more than {} bytes", bytes_max);
    }
    // Nothing of ours is deeper; what is goes unread.
    constexpr int kDepthMax = 8;
    bool too_deep = false;
    const auto watch = [&too_deep](int depth, json::parse_event_t, json&) {
        if (depth > kDepthMax) too_deep = true;
        return !too_deep;
    };
    json parsed = json::parse(line, watch, /*allow_exceptions=*/false);
    if (too_deep || !parsed.is_object()) {
        return base::fail(ErrorCode::InvalidRequest, "a message that is no JSON object");
    }
    return parsed;
}

template <class Variant, std::size_t Index = 0>
std::optional<Variant> read_alternative(std::size_t index, const json& in, std::string& problem) {
    if constexpr (Index < std::variant_size_v<Variant>) {
        if (index != Index) return read_alternative<Variant, Index + 1>(index, in, problem);
        std::variant_alternative_t<Index, Variant> value;
        JsonReader reader(in, problem);
        fields(reader, value);
        return value;
    }
    return std::nullopt;
}

template <std::size_t Size>
std::optional<std::size_t> index_of(const std::array<const char*, Size>& names, const json& in,
                                    const char* key) {
    const auto found = in.find(key);
    if (found == in.end() || !found->is_string()) return std::nullopt;
    const auto& word = found->get_ref<const std::string&>();
    for (std::size_t i = 0; i < Size; ++i) {
        if (word == names[i]) return i;
    }
    return std::nullopt;
}

std::size_t item_count(const Request& request) {
    struct Counter {
        std::size_t operator()(const Login& r) const { return r.items.size(); }
        std::size_t operator()(const Logout& r) const { return r.sids.size(); }
        std::size_t operator()(const ListSessions& r) const { return r.sids.size(); }
        std::size_t operator()(const GetStats& r) const { return r.sids.size(); }
        std::size_t operator()(const Rescan& r) const { return r.sids.size(); }
        std::size_t operator()(const GetInfo&) const { return 0; }
        std::size_t operator()(const Stop&) const { return 0; }
    };
    return std::visit(Counter{}, request);
}

}  // namespace

std::string_view words(ConnectionState state) {
    switch (state) {
        case ConnectionState::Free:
            return "FREE";
        case ConnectionState::TransportWait:
            return "TRANSPORT WAIT";
        case ConnectionState::InLogin:
            return "IN LOGIN";
        case ConnectionState::LoggedIn:
            return "LOGGED IN";
        case ConnectionState::InLogout:
            return "IN LOGOUT";
        case ConnectionState::LogoutRequested:
            return "LOGOUT REQUESTED";
        case ConnectionState::CleanupWait:
            return "CLEANUP WAIT";
        case ConnectionState::Unknown:
            break;
    }
    return "Unknown";
}

std::string_view words(InternalState state) {
    switch (state) {
        case InternalState::NoChange:
            return "NO CHANGE";
        case InternalState::Cleanup:
            return "CLEANUP";
        case InternalState::Reopen:
            return "REOPEN";
        case InternalState::Redirect:
            return "REDIRECT";
        case InternalState::Unknown:
            break;
    }
    return "Unknown";
}

std::string encode(const Request& request) {
    json out = json::object();
    out["request"] = kRequestNames.at(request.index());
    JsonWriter writer(out);
    std::visit([&writer](auto body) { fields(writer, body); }, request);
    return to_line(out);
}

std::string encode(const Answer& answer) {
    json out = json::object();
    if (std::holds_alternative<Done>(answer)) {
        out["done"] = true;
    } else {
        out["progress"] = kProgressNames.at(answer.index());
    }
    JsonWriter writer(out);
    std::visit([&writer](auto body) { fields(writer, body); }, answer);
    return to_line(out);
}

base::Result<Request> decode_request(std::string_view line) {
    ISCSI_TRY(const json in, parse_object(line, kRequestBytesMax));
    const auto index = index_of(kRequestNames, in, "request");
    if (!index) return base::fail(ErrorCode::InvalidRequest, "unknown request");
    std::string problem;
    auto request = read_alternative<Request>(*index, in, problem);
    if (!problem.empty()) {
        return base::fail(ErrorCode::InvalidRequest, "request {}: bad value of \"{}\"",
                          kRequestNames.at(*index), problem);
    }
    if (item_count(*request) > kItemsMax) {
        return base::fail(ErrorCode::InvalidRequest, "request {}: more than {} items",
                          kRequestNames.at(*index), kItemsMax);
    }
    return std::move(*request);
}

base::Result<Answer> decode_answer(std::string_view line) {
    ISCSI_TRY(const json in, parse_object(line, kAnswerBytesMax));
    std::optional<std::size_t> index = index_of(kProgressNames, in, "progress");
    if (in.contains("done")) index = std::variant_size_v<Answer> - 1;
    if (!index) return base::fail(ErrorCode::InvalidRequest, "unknown answer");
    std::string problem;
    auto answer = read_alternative<Answer>(*index, in, problem);
    if (!problem.empty()) {
        return base::fail(ErrorCode::InvalidRequest, "answer: bad value of \"{}\"", problem);
    }
    return std::move(*answer);
}

}  // namespace iscsi::control

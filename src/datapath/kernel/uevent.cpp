// SPDX-License-Identifier: LGPL-2.1-or-later
#include "datapath/kernel/uevent.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/fixed_struct.hpp"

namespace iscsi::datapath::kernel {

namespace {

using base::StructReader;
using base::StructWriter;

// struct iscsi_uevent: type, iferror, transport handle, union u (request), union r (answer).
constexpr std::size_t kTypeAt = 0;
constexpr std::size_t kIfErrorAt = 4;
constexpr std::size_t kHandleAt = 8;
constexpr std::size_t kRequestAt = 16;
constexpr std::size_t kAnswerAt = 40;
constexpr std::size_t kBhsBytes = 48;

// A uevent of this type whose union the caller fills through the returned writer's walk.
Bytes blank(UeventType type, std::uint64_t handle, std::size_t payload_bytes = 0) {
    Bytes bytes(kUeventBytes + payload_bytes);
    StructWriter head(bytes, kTypeAt);
    head.number<std::uint32_t>(std::to_underlying(type));
    StructWriter at_handle(bytes, kHandleAt);
    at_handle.number<std::uint64_t>(handle);
    return bytes;
}

Bytes with_connection(UeventType type, const ConnectionId& id) {
    Bytes bytes = blank(type, id.transport_handle);
    StructWriter writer(bytes, kRequestAt);
    writer.number<std::uint32_t>(id.sid);
    writer.number<std::uint32_t>(id.cid);
    return bytes;
}

Bytes with_session(UeventType type, std::uint64_t handle, std::uint32_t sid) {
    Bytes bytes = blank(type, handle);
    StructWriter writer(bytes, kRequestAt);
    writer.number<std::uint32_t>(sid);
    return bytes;
}

void append_text(Bytes& bytes, std::string_view value) {
    std::ranges::copy(base::as_bytes(value), bytes.begin() + kUeventBytes);
}

bool is_event(std::uint32_t type) { return type > 100; }

struct Pair {
    std::uint32_t first = 0;
    std::uint32_t second = 0;
    std::uint32_t third = 0;
};

Pair answer_numbers(base::ConstByteSpan bytes) {
    StructReader reader(bytes, kAnswerAt);
    Pair pair;
    reader.number<std::uint32_t>(pair.first);
    reader.number<std::uint32_t>(pair.second);
    reader.number<std::uint32_t>(pair.third);
    return pair;
}

std::expected<Message, UeventErrc> received_pdu(base::ConstByteSpan bytes, const Pair& ids) {
    const auto payload = bytes.subspan(kUeventBytes);
    if (payload.size() < kBhsBytes) return std::unexpected(UeventErrc::Truncated);
    return RecvPdu{ids.first, ids.second, payload.first(kBhsBytes), payload.subspan(kBhsBytes)};
}

constexpr std::array<std::string_view, 21> kStatNames{
    "txdata_octets",  "rxdata_octets", "noptx_pdus",   "scsicmd_pdus", "tmfcmd_pdus",
    "login_pdus",     "text_pdus",     "dataout_pdus", "logout_pdus",  "snack_pdus",
    "noprx_pdus",     "scsirsp_pdus",  "tmfrsp_pdus",  "textrsp_pdus", "datain_pdus",
    "logoutrsp_pdus", "r2t_pdus",      "async_pdus",   "rjt_pdus",     "digest_err",
    "timeout_err"};
constexpr std::size_t kWideStats = 2;  // the first two have 64 bits, the others 32
constexpr std::size_t kStatsBytes = 96;
constexpr std::size_t kCustomNameBytes = 64;
constexpr std::size_t kCustomBytes = kCustomNameBytes + sizeof(std::uint64_t);
constexpr std::size_t kCustomMax = 32;

}  // namespace

Bytes create_session(std::uint64_t transport_handle, const SessionLimits& limits) {
    Bytes bytes = blank(UeventType::CreateSession, transport_handle);
    StructWriter writer(bytes, kRequestAt);
    writer.number<std::uint32_t>(limits.initial_cmdsn);
    writer.number<std::uint16_t>(limits.cmds_max);
    writer.number<std::uint16_t>(limits.queue_depth);
    return bytes;
}

Bytes destroy_session(std::uint64_t transport_handle, std::uint32_t sid) {
    return with_session(UeventType::DestroySession, transport_handle, sid);
}

Bytes unbind_session(std::uint64_t transport_handle, std::uint32_t sid) {
    return with_session(UeventType::UnbindSession, transport_handle, sid);
}

Bytes create_conn(const ConnectionId& id) { return with_connection(UeventType::CreateConn, id); }
Bytes destroy_conn(const ConnectionId& id) { return with_connection(UeventType::DestroyConn, id); }
Bytes start_conn(const ConnectionId& id) { return with_connection(UeventType::StartConn, id); }
Bytes get_stats(const ConnectionId& id) { return with_connection(UeventType::GetStats, id); }

Bytes bind_conn(const ConnectionId& id, std::uint64_t endpoint, bool leading) {
    Bytes bytes = with_connection(UeventType::BindConn, id);
    StructWriter writer(bytes, kRequestAt + 8);
    writer.number<std::uint64_t>(endpoint);
    writer.number<std::uint32_t>(leading ? 1 : 0);
    return bytes;
}

Bytes stop_conn(const ConnectionId& id, StopFlag flag) {
    Bytes bytes = with_connection(UeventType::StopConn, id);
    StructWriter writer(bytes, kRequestAt + 8);
    writer.skip(sizeof(std::uint64_t));  // connection handle, unused by the kernel
    writer.number<std::uint32_t>(std::to_underlying(flag));
    return bytes;
}

Bytes set_param(const ConnectionId& id, Param param, std::string_view value) {
    Bytes bytes = blank(UeventType::SetParam, id.transport_handle, value.size() + 1);
    StructWriter writer(bytes, kRequestAt);
    writer.number<std::uint32_t>(id.sid);
    writer.number<std::uint32_t>(id.cid);
    writer.number<std::uint32_t>(std::to_underlying(param));
    writer.number<std::uint32_t>(value.size() + 1);
    append_text(bytes, value);
    return bytes;
}

Bytes set_host_param(std::uint64_t transport_handle, std::uint32_t host_no, HostParam param,
                     std::string_view value) {
    Bytes bytes = blank(UeventType::SetHostParam, transport_handle, value.size() + 1);
    StructWriter writer(bytes, kRequestAt);
    writer.number<std::uint32_t>(host_no);
    writer.number<std::uint32_t>(std::to_underlying(param));
    writer.number<std::uint32_t>(value.size() + 1);
    append_text(bytes, value);
    return bytes;
}

Bytes send_pdu(const ConnectionId& id, base::ConstByteSpan bhs, base::ConstByteSpan data) {
    CHECK(bhs.size() == kBhsBytes);
    const std::size_t data_bytes = data.size() + base::pad4(data.size());
    Bytes bytes = blank(UeventType::SendPdu, id.transport_handle, kBhsBytes + data_bytes);
    StructWriter writer(bytes, kRequestAt);
    writer.number<std::uint32_t>(id.sid);
    writer.number<std::uint32_t>(id.cid);
    writer.number<std::uint32_t>(kBhsBytes);
    writer.number<std::uint32_t>(data_bytes);
    std::ranges::copy(bhs, bytes.begin() + kUeventBytes);
    std::ranges::copy(data, bytes.begin() + kUeventBytes + kBhsBytes);
    return bytes;
}

std::expected<Message, UeventErrc> decode(base::ConstByteSpan bytes) {
    if (bytes.size() < kUeventBytes) return std::unexpected(UeventErrc::Truncated);
    std::uint32_t type = 0;
    StructReader(bytes, kTypeAt).number<std::uint32_t>(type);
    const Pair ids = answer_numbers(bytes);
    if (!is_event(type)) {
        return Answer{.type = static_cast<UeventType>(type),
                      .retcode = static_cast<std::int32_t>(ids.first),
                      .sid = ids.first,
                      .host_no = ids.second,
                      .cid = static_cast<std::int32_t>(ids.second),
                      .payload = bytes.subspan(kUeventBytes)};
    }
    switch (static_cast<UeventType>(type)) {
        case UeventType::RecvPdu:
            return received_pdu(bytes, ids);
        case UeventType::ConnError:
            return ConnError{ids.first, ids.second, ids.third};
        case UeventType::ConnLoginState:
            return ConnLoginState{ids.first, ids.second, ids.third};
        case UeventType::IfError: {
            IfError error;
            StructReader(bytes, kIfErrorAt).number<std::int32_t>(error.error_number);
            return error;
        }
        case UeventType::DestroyedSession:
            return SessionDestroyed{ids.second, ids.first};
        case UeventType::UnboundSession:
            return SessionUnbound{ids.first, ids.second};
        case UeventType::CreatedSession:
            return SessionCreated{ids.first, ids.second};
        default:
            return OtherEvent{type};  // offload events
    }
}

std::expected<Counters, UeventErrc> decode_stats(base::ConstByteSpan payload) {
    if (payload.size() < kStatsBytes) return std::unexpected(UeventErrc::Truncated);
    Counters counters;
    StructReader reader(payload, 0);
    for (std::size_t i = 0; i < kStatNames.size(); ++i) {
        Counter counter{kStatNames[i], 0};
        if (i < kWideStats) {
            reader.number<std::uint64_t>(counter.value);
        } else {
            reader.number<std::uint32_t>(counter.value);
        }
        counters.fixed.push_back(counter);
    }
    std::uint32_t count = 0;
    reader.number<std::uint32_t>(count);
    const std::size_t fits =
        std::min({std::size_t{count}, kCustomMax, (payload.size() - kStatsBytes) / kCustomBytes});
    for (std::size_t i = 0; i < fits; ++i) {
        const std::size_t at = kStatsBytes + i * kCustomBytes;
        const auto name = base::as_text(payload.subspan(at, kCustomNameBytes));
        Counter counter{name.substr(0, name.find('\0')), 0};
        StructReader(payload, at + kCustomNameBytes).number<std::uint64_t>(counter.value);
        counters.custom.push_back(counter);
    }
    return counters;
}

}  // namespace iscsi::datapath::kernel

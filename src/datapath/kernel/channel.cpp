// SPDX-License-Identifier: LGPL-2.1-or-later
#include "datapath/kernel/channel.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/fixed_struct.hpp"

namespace iscsi::datapath::kernel {

namespace {

using base::ErrorCode;

constexpr std::uint32_t kIscsidGroup = 1;
constexpr std::size_t kTypeAt = 0;
constexpr std::size_t kStatsIdsAt = 16;

std::uint32_t word_at(const Bytes& bytes, std::size_t at) {
    std::uint32_t value = 0;
    base::StructReader(bytes, at).number<std::uint32_t>(value);
    return value;
}

UeventType type_of(const Bytes& request) {
    return static_cast<UeventType>(word_at(request, kTypeAt));
}

std::unexpected<base::Error> interface_error(std::int32_t negative_errno) {
    const int number = -negative_errno;
    const auto code = number == ENOSYS ? ErrorCode::NotSupported : ErrorCode::Internal;
    return base::fail_errno(code, number, "the kernel's iSCSI refuses the request");
}

bool is_stats_of(const Bytes& event, const ConnectionId& id) {
    return event.size() >= kUeventBytes && type_of(event) == UeventType::GetStats &&
           word_at(event, kStatsIdsAt) == id.sid && word_at(event, kStatsIdsAt + 4) == id.cid;
}

}  // namespace

base::Result<Channel> Channel::open() {
    // Our pid as port, so that sysfs shows it as the sessions' creator; another socket of this
    // process may have it already, then any port will do.
    auto requests = os::NetlinkSocket::open({.port_id = static_cast<std::uint32_t>(::getpid())});
    if (!requests) requests = os::NetlinkSocket::open({});
    if (!requests) return std::unexpected(std::move(requests).error());
    ISCSI_TRY(auto events, os::NetlinkSocket::open({.groups = kIscsidGroup}));
    return Channel(std::move(*requests), std::move(events));
}

base::Result<Answer> Channel::await_answer(UeventType type, Bytes& storage) {
    while (true) {
        ISCSI_TRY(auto received, requests_.receive());
        if (!received) {
            return base::fail(ErrorCode::Internal, "the kernel's iSCSI did not answer");
        }
        if (received->overrun) continue;
        storage = std::move(received->payload);
        const auto message = decode(storage);
        if (!message) continue;
        if (const auto* error = std::get_if<IfError>(&*message)) {
            return interface_error(error->error_number);
        }
        const auto* answer = std::get_if<Answer>(&*message);
        // An answer to an earlier request whose outcome nobody waited for.
        if (answer == nullptr || answer->type != type) continue;
        return *answer;
    }
}

base::Result<Outcome> Channel::request(const Bytes& request) {
    const auto type = type_of(request);
    ISCSI_TRY_VOID(requests_.send(static_cast<std::uint16_t>(std::to_underlying(type)), request));
    Bytes storage;
    ISCSI_TRY(const Answer answer, await_answer(type, storage));
    Outcome outcome{.sid = answer.sid, .host_no = answer.host_no};
    switch (type) {
        case UeventType::CreateSession:
        case UeventType::CreateBoundSession:
            if (answer.sid == UINT32_MAX) outcome.retcode = -EINVAL;
            break;
        case UeventType::CreateConn:
            if (answer.cid < 0) outcome.retcode = -EINVAL;
            break;
        default:
            outcome.retcode = answer.retcode;
            break;
    }
    return outcome;
}

base::Result<Outcome> Channel::demand(const Bytes& bytes, std::string_view what) {
    auto outcome = request(bytes);
    if (!outcome) return std::unexpected(std::move(outcome).error().within(what));
    if (outcome->retcode != 0) {
        return base::fail_errno(ErrorCode::Internal, -outcome->retcode, what);
    }
    return outcome;
}

base::Result<Channel::StatsPayload> Channel::stats(const ConnectionId& id) {
    const Bytes bytes = get_stats(id);
    ISCSI_TRY_VOID(requests_.send(
        static_cast<std::uint16_t>(std::to_underlying(UeventType::GetStats)), bytes));
    while (true) {
        ISCSI_TRY(auto received, events_.receive());
        if (!received) break;
        if (!received->overrun && is_stats_of(received->payload, id)) {
            received->payload.erase(received->payload.begin(),
                                    received->payload.begin() + kUeventBytes);
            return StatsPayload{std::move(received->payload)};
        }
        queued_.push_back({received->overrun, std::move(received->payload)});
    }
    // Only a refusal is answered on the requests' socket.
    Bytes storage;
    auto answer = await_answer(UeventType::GetStats, storage);
    if (!answer) return std::unexpected(std::move(answer).error());
    return base::fail(ErrorCode::Internal, "the kernel gave no statistics of session {}", id.sid);
}

base::Result<std::optional<Channel::Event>> Channel::next_event() {
    if (!queued_.empty()) {
        auto event = std::move(queued_.front());
        queued_.pop_front();
        return event;
    }
    ISCSI_TRY(auto received, events_.receive());
    if (!received) return std::nullopt;
    return Event{received->overrun, std::move(received->payload)};
}

}  // namespace iscsi::datapath::kernel

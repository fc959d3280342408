// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsid/pdu_login.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "os/clock.hpp"
#include "proto/pdu.hpp"

namespace iscsi::iscsid {

using os::now;

PduLogin::PduLogin(asio::io_context& io, datapath::DataPath& path, datapath::SessionKey key,
                   Handlers handlers)
    : path_(path), key_(key), handlers_(std::move(handlers)), timer_(io) {}

void PduLogin::log_in(session::LoginConfig config, base::Random& random) {
    engine_.emplace(std::move(config), random, now());
    pump();
}

void PduLogin::on_pdu(const datapath::ReceivedPdu& pdu) {
    if (!engine_) return;
    const auto feed = [this](base::ConstByteSpan bytes) {
        while (!bytes.empty()) {
            const auto window = engine_->recv_window();
            if (window.empty()) return;  // the engine has had enough: it has ended
            const std::size_t count = std::min(window.size(), bytes.size());
            std::ranges::copy(bytes.first(count), window.begin());
            engine_->on_received(count, now());
            bytes = bytes.subspan(count);
        }
    };
    feed(pdu.bhs);
    feed(pdu.data);
    pump();
}

void PduLogin::pump() {
    if (!drain() || engine_->done()) return;
    if (const auto sent = send(); !sent) return handlers_.broken(sent.error().message);
    if (drain() && !engine_->done()) arm_timer();
}

// One request at a time: the engine's window holds one whole PDU.
base::Status PduLogin::send() {
    std::vector<std::byte> bytes;
    for (const auto part : engine_->send_window())
        bytes.insert(bytes.end(), part.begin(), part.end());
    if (bytes.empty()) return {};
    CHECK(bytes.size() >= proto::kBhsBytes);
    proto::Bhs bhs{};
    std::copy_n(bytes.begin(), bhs.size(), bhs.begin());
    const auto data = base::ConstByteSpan(bytes).subspan(bhs.size());
    ISCSI_TRY_VOID(path_.send_pdu(key_, bhs, data));
    engine_->on_sent(bytes.size(), now());
    return {};
}

void PduLogin::arm_timer() {
    timer_.expires_at(engine_->deadline());
    timer_.async_wait([this, alive = std::weak_ptr(alive_)](asio::error_code error) {
        if (error || alive.expired()) return;
        engine_->on_deadline(now());
        if (drain() && !engine_->done()) arm_timer();
    });
}

bool PduLogin::drain() {
    const std::weak_ptr alive(alive_);
    while (auto event = engine_->next_event()) {
        const bool last = !std::holds_alternative<session::Notice>(*event);
        if (last) timer_.cancel();
        handlers_.login_event(std::move(*event));
        if (alive.expired()) return false;
        if (last) return true;
    }
    return true;
}

}  // namespace iscsi::iscsid

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
    : DrivenLogin(io, std::move(handlers.login_event)),
      path_(path),
      key_(key),
      broken_(std::move(handlers.broken)) {}

void PduLogin::log_in(session::LoginConfig config, base::Random& random) {
    make_engine(std::move(config), random);
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
    if (const auto sent = send(); !sent) return broken_(sent.error().message);
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

}  // namespace iscsi::iscsid

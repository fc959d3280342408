// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsid/driven_login.hpp"

#include <utility>
#include <variant>

#include "os/clock.hpp"

namespace iscsi::iscsid {

using os::now;

DrivenLogin::DrivenLogin(asio::io_context& io, EventHandler on_event)
    : on_event_(std::move(on_event)), timer_(io) {}

void DrivenLogin::make_engine(session::LoginConfig config, base::Random& random) {
    engine_.emplace(std::move(config), random, now());
}

void DrivenLogin::arm_timer() {
    timer_.expires_at(engine_->deadline());
    timer_.async_wait([this, alive = std::weak_ptr(alive_)](asio::error_code error) {
        if (error || alive.expired()) return;
        engine_->on_deadline(now());
        // What the driver waits for goes on by itself; only the end of the login must not wait.
        if (drain() && !engine_->done()) arm_timer();
    });
}

bool DrivenLogin::drain() {
    const std::weak_ptr alive(alive_);
    while (auto event = engine_->next_event()) {
        const bool last = !std::holds_alternative<session::Notice>(*event);
        if (last) timer_.cancel();
        on_event_(std::move(*event));
        if (alive.expired()) return false;
        if (last) return true;
    }
    return true;
}

}  // namespace iscsi::iscsid

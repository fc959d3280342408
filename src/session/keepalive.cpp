// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/keepalive.hpp"

namespace iscsi::session {

Keepalive::Keepalive(Config config, base::Instant now) : config_(config) {
    if (config.interval <= base::Duration{} || config.timeout <= base::Duration{}) return;
    state_ = State::Quiet;
    deadline_ = now + config.interval;
}

void Keepalive::on_received(base::Instant now) {
    if (state_ == State::Off || state_ == State::Dead) return;
    // Any byte proves the target alive, not only the NOP-In we asked for: a busy target may queue
    // its answer behind megabytes of Data-In, and one PDU may take longer than our timeout.
    state_ = State::Quiet;
    deadline_ = now + config_.interval;
}

Keepalive::Action Keepalive::on_deadline(base::Instant now) {
    if (now < deadline_) return Action::None;
    switch (state_) {
        case State::Quiet:
            state_ = State::Waiting;
            deadline_ = now + config_.timeout;
            return Action::SendPing;
        case State::Waiting:
            state_ = State::Dead;
            deadline_ = base::kNever;
            return Action::DropConnection;
        case State::Off:
        case State::Dead:
            break;
    }
    return Action::None;
}

void Keepalive::stop() {
    state_ = State::Off;
    deadline_ = base::kNever;
}

}  // namespace iscsi::session

// SPDX-License-Identifier: LGPL-2.1-or-later
// Decides when to ping a quiet target and when to give it up. Owns no socket and no clock: the
// caller passes `now`, performs the returned action, and sleeps until deadline().
//
//            quiet for interval            nothing for timeout
//   Quiet ----------------------> Waiting ---------------------> Dead
//     ^                              |
//     +------- any byte arrives -----+
//
// With an interval or a timeout of zero it never does anything.
#pragma once

#include <cstdint>

#include "base/instant.hpp"

namespace iscsi::session {

class Keepalive {
public:
    struct Config {
        base::Duration interval{};  // node.conn[0].timeo.noop_out_interval
        base::Duration timeout{};   // node.conn[0].timeo.noop_out_timeout
    };
    enum class Action : std::uint8_t { None, SendPing, DropConnection };

    Keepalive(Config config, base::Instant now);

    base::Instant deadline() const { return deadline_; }
    void on_received(base::Instant now);
    [[nodiscard]] Action on_deadline(base::Instant now);
    void stop();

private:
    enum class State : std::uint8_t { Off, Quiet, Waiting, Dead };

    Config config_;
    State state_ = State::Off;
    base::Instant deadline_ = base::kNever;
};

}  // namespace iscsi::session

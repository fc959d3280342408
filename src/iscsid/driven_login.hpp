// SPDX-License-Identifier: LGPL-2.1-or-later
// What the two ways to drive the login engine share: its timer, and the handing out of its events.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "base/random.hpp"
#include "session/login.hpp"

namespace iscsi::iscsid {

class DrivenLogin {
public:
    // Called from the event loop. The object may be destroyed inside.
    using EventHandler = std::function<void(session::LoginEngine::Event)>;

    DrivenLogin(const DrivenLogin&) = delete;
    DrivenLogin& operator=(const DrivenLogin&) = delete;

protected:
    DrivenLogin(asio::io_context& io, EventHandler on_event);
    ~DrivenLogin() = default;

    // `random` must outlive the object.
    void make_engine(session::LoginConfig config, base::Random& random);
    // Until the engine's deadline, and from then on by itself.
    void arm_timer();
    // False when a handler has destroyed this object.
    bool drain();

    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // handlers of Asio look at it
    std::optional<session::LoginEngine> engine_;

private:
    EventHandler on_event_;
    asio::steady_timer timer_;
};

}  // namespace iscsi::iscsid

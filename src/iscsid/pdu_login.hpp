// SPDX-License-Identifier: LGPL-2.1-or-later
// The login engine over a data path that carries its PDUs (the kernel's), instead of over a socket.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/random.hpp"
#include "datapath/data_path.hpp"
#include "session/login.hpp"

namespace iscsi::iscsid {

class PduLogin {
public:
    // Called from the event loop. The object may be destroyed inside each of them.
    struct Handlers {
        std::function<void(session::LoginEngine::Event)> login_event;
        std::function<void(std::string why)> broken;
    };

    // The session's socket is bound. `path` and `random` must outlive the object.
    PduLogin(asio::io_context& io, datapath::DataPath& path, datapath::SessionKey key,
             Handlers handlers);
    PduLogin(const PduLogin&) = delete;
    PduLogin& operator=(const PduLogin&) = delete;

    void log_in(session::LoginConfig config, base::Random& random);
    void on_pdu(const datapath::ReceivedPdu& pdu);

private:
    void pump();
    base::Status send();
    void arm_timer();
    bool drain();  // false when a handler has destroyed this object

    datapath::DataPath& path_;
    datapath::SessionKey key_;
    Handlers handlers_;
    asio::steady_timer timer_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // handlers of Asio look at it
    std::optional<session::LoginEngine> engine_;
};

}  // namespace iscsi::iscsid

// SPDX-License-Identifier: LGPL-2.1-or-later
// The login engine over a data path that carries its PDUs (the kernel's), instead of over a socket.
#pragma once

#include <asio/io_context.hpp>
#include <functional>
#include <string>

#include "base/random.hpp"
#include "datapath/data_path.hpp"
#include "iscsid/driven_login.hpp"
#include "session/login.hpp"

namespace iscsi::iscsid {

class PduLogin : public DrivenLogin {
public:
    // Called from the event loop. The object may be destroyed inside each of them.
    struct Handlers {
        EventHandler login_event;
        std::function<void(std::string why)> broken;
    };

    // The session's socket is bound. `path` and `random` must outlive the object.
    PduLogin(asio::io_context& io, datapath::DataPath& path, datapath::SessionKey key,
             Handlers handlers);

    void log_in(session::LoginConfig config, base::Random& random);
    void on_pdu(const datapath::ReceivedPdu& pdu);

private:
    void pump();
    base::Status send();

    datapath::DataPath& path_;
    datapath::SessionKey key_;
    std::function<void(std::string why)> broken_;
};

}  // namespace iscsi::iscsid

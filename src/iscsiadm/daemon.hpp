// SPDX-License-Identifier: LGPL-2.1-or-later
// iscsid, as iscsiadm sees it: one request a connection, answers until the request is done. It may
// be ours or open-iscsi's (foreign_daemon.hpp); who asks does not notice.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "control/messages.hpp"
#include "iscsiadm/foreign_daemon.hpp"
#include "os/control_client.hpp"

namespace iscsi::iscsiadm {

// What to do when nobody listens: run iscsid.startup from iscsid.conf once, or not.
enum class WhenDown { StartIt, LeaveIt };

class Daemon {
public:
    using AnswerHandler = std::function<void(const control::Answer&)>;

    // `conf_path`: the iscsid.conf that has iscsid.startup.
    explicit Daemon(std::string conf_path) : conf_path_(std::move(conf_path)) {}

    // Sends the request and hands every answer but Done to the handler. Errors:
    // DaemonNotConnected when iscsid does not run and could not be started (two lines, as
    // open-iscsi puts it), DaemonCommunication for a broken conversation.
    base::Result<control::Done> ask(const control::Request& request, WhenDown when_down,
                                    const AnswerHandler& on_answer);

    // Who and what the running iscsid is; asked once. nullopt when it does not run.
    const std::optional<control::DaemonInfo>& info();

private:
    bool run_startup_command() const;
    // Asks whoever is listening, which `client` is connected to.
    base::Result<control::Done> converse(os::ControlClient client, const control::Request& request,
                                         const AnswerHandler& on_answer);
    base::Result<control::Done> converse_with_foreign(const control::Request& request,
                                                      const AnswerHandler& on_answer) const;

    std::string conf_path_;
    std::optional<Peer> peer_;  // once met
    bool asked_ = false;
    std::optional<control::DaemonInfo> info_;
};

}  // namespace iscsi::iscsiadm

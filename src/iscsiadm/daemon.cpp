// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/daemon.hpp"

#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "os/files.hpp"
#include "store/conf.hpp"

namespace iscsi::iscsiadm {

namespace {

using namespace std::chrono_literals;
using os::ControlClient;

constexpr std::size_t kConfBytesMax = 1'048'576;
// How long an answer may take. What waits for targets has no limit here: iscsid has one for it.
constexpr std::chrono::milliseconds kInfoTimeout = 1s;
constexpr std::chrono::milliseconds kListTimeout = 30s;

std::optional<std::chrono::milliseconds> answer_timeout(const control::Request& request) {
    const bool waits_for_targets = std::holds_alternative<control::Login>(request) ||
                                   std::holds_alternative<control::Logout>(request) ||
                                   std::holds_alternative<control::Rescan>(request);
    if (waits_for_targets) return std::nullopt;
    return std::holds_alternative<control::GetInfo>(request) ? kInfoTimeout : kListTimeout;
}

os::UnixAddress address() {
    const char* override_name = std::getenv(control::kSocketVariable);
    return {.name = override_name ? std::string_view(override_name) : control::kSocketName,
            .abstract = true};
}

std::unexpected<base::Error> not_running(bool could_not_start) {
    std::string message;
    if (could_not_start) {
        message =
            "iscsid is not running. Could not start it up automatically using the startup command "
            "in the iscsid.conf iscsid.startup setting. Please check that the file exists or that "
            "your init scripts have started iscsid.\n";
    }
    message += "can not connect to iSCSI daemon (111)!";
    return std::unexpected(base::Error{base::ErrorCode::DaemonNotConnected, std::move(message)});
}

// Anybody may listen on a free abstract name, and would be told the records' secrets.
base::Result<ControlClient> connect() {
    ISCSI_TRY(auto client, ControlClient::connect(address()));
    const auto owner = client.peer_uid();
    if (!owner || *owner == 0 || *owner == ::geteuid()) return client;
    return base::fail(
        base::ErrorCode::Access,
        "process {} of user {} listens on @{}: that is not root's iscsid, and is told "
        "nothing; end it, then start iscsid",
        client.peer_pid(), *owner, address().name);
}

base::Result<control::Done> converse_in_json(ControlClient& client, const control::Request& request,
                                             const Daemon::AnswerHandler& on_answer) {
    const auto timeout = answer_timeout(request);
    ISCSI_TRY_VOID(client.send(control::encode(request)));
    for (;;) {
        ISCSI_TRY(auto line, client.read_line(control::kAnswerBytesMax, timeout));
        if (!line) {
            return base::fail(base::ErrorCode::DaemonCommunication,
                              "iscsid closed the connection before it was done");
        }
        ISCSI_TRY(auto answer, control::decode_answer(*line));
        if (auto* done = std::get_if<control::Done>(&answer)) return std::move(*done);
        on_answer(answer);
    }
}

}  // namespace

base::Result<control::Done> Daemon::converse(ControlClient client, const control::Request& request,
                                             const AnswerHandler& on_answer) {
    if (!peer_) {
        ISCSI_TRY(peer_, probe(std::move(client), connect, answer_timeout(request)));
        if (peer_->foreign) return converse_with_foreign(request, on_answer);
        ISCSI_TRY(client, connect());
    }
    return converse_in_json(client, request, on_answer);
}

base::Result<control::Done> Daemon::converse_with_foreign(const control::Request& request,
                                                          const AnswerHandler& on_answer) const {
    return ForeignDaemon(*peer_->foreign, connect).ask(request, answer_timeout(request), on_answer);
}

bool Daemon::run_startup_command() const {
    const auto text = os::system_files().read(conf_path_, kConfBytesMax);
    if (!text) return false;
    const auto command = store::find_simple_value(*text, "iscsid.startup");
    // The administrator's own command line, as root wrote it into a file of root's.
    return !command.empty() && std::system(command.c_str()) == 0;
}

base::Result<control::Done> Daemon::ask(const control::Request& request, WhenDown when_down,
                                        const AnswerHandler& on_answer) {
    // Open-iscsi's daemon waits for a connection's request: no connection without one.
    if (peer_ && peer_->foreign) return converse_with_foreign(request, on_answer);
    auto client = connect();
    bool could_not_start = false;
    if (!client && client.error().code == base::ErrorCode::DaemonNotConnected &&
        when_down == WhenDown::StartIt) {
        could_not_start = !run_startup_command();
        // Whatever starts iscsid returns when its socket is there: systemd's unit, and iscsid
        // itself, whose parent waits for that.
        client = connect();
    }
    if (!client) {
        if (client.error().code == base::ErrorCode::DaemonNotConnected) {
            return not_running(could_not_start);
        }
        return std::unexpected(std::move(client).error());
    }
    return converse(std::move(*client), request, on_answer);
}

const std::optional<control::DaemonInfo>& Daemon::info() {
    if (std::exchange(asked_, true)) return info_;
    const auto take = [&](const control::Answer& answer) {
        if (const auto* found = std::get_if<control::DaemonInfo>(&answer)) info_ = *found;
    };
    // Whoever does not answer this is as good as not there.
    if (!ask(control::GetInfo{}, WhenDown::LeaveIt, take)) info_.reset();
    return info_;
}

}  // namespace iscsi::iscsiadm

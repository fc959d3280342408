// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsid/session.hpp"

#include <asio/post.hpp>
#include <utility>

#include "base/log.hpp"
#include "os/clock.hpp"

namespace iscsi::iscsid {

using base::LogLevel;
using os::now;

Session::Session(Surroundings& surroundings, datapath::DataPath& path, datapath::SessionKey key,
                 datapath::SessionSpec spec)
    : around_(surroundings),
      path_(path),
      key_(key),
      spec_(std::move(spec)),
      supervisor_(session::supervisor_config(spec_.node)),
      timer_(surroundings.io) {}

void Session::begin(std::string initiator_alias, Reply reply) {
    initiator_alias_ = std::move(initiator_alias);
    join(std::move(reply));
    supervisor_.begin();
    act();
}

void Session::adopt(const datapath::Adoptable& running) {
    login_ = running.login;
    // The kernel does not know what was agreed on; what we offered is the better guess.
    if (!running.has_record) {
        login_.params.default_time2wait = login_config(spec_.node).offer.default_time2wait;
    }
    current_address_ = running.current_address;
    current_port_ = running.current_port;
    local_address_ = running.local_address;
    if (const auto reached = numeric_address(running.current_address)) {
        addresses_.learn(spec_.node.conn[0].address, {*reached});
    }
    supervisor_.resume({.sid = running.sid,
                        .generation = running.generation,
                        .alive = running.logged_in,
                        .unfinished = running.unfinished,
                        .time2wait = std::chrono::seconds(login_.params.default_time2wait)},
                       now());
    act();
}

base::Status Session::log_out(Reply reply) {
    ISCSI_TRY_VOID(supervisor_.request_logout(now()));
    logout_reply_ = std::move(reply);
    act();
    return {};
}

void Session::on_data_path(const session::DataPathEvent& event) {
    supervisor_.on_data_path(event, now());
    act();
}

void Session::act() {
    while (auto action = supervisor_.next_action()) {
        std::visit([this](const auto& a) { perform(a); }, *action);
    }
    arm_timer();
}

void Session::arm_timer() {
    if (supervisor_.deadline() == base::kNever) {
        timer_.cancel();
        return;
    }
    timer_.expires_at(supervisor_.deadline());
    timer_.async_wait([this, alive = std::weak_ptr(alive_)](asio::error_code error) {
        if (error || alive.expired()) return;
        supervisor_.on_deadline(now());
        act();
    });
}

void Session::perform(const session::CreateSession&) { path_.create(key_, spec_); }

void Session::perform(const session::Connect& action) {
    const std::uint64_t attempt = action.attempt;
    attempt_ = attempt;
    run_ = std::make_unique<LoginRun>(
        around_.io, spec_.node,
        LoginRun::Handlers{.connected =
                               [this, attempt, host = action.portal.address] {
                                   addresses_.prefer(host, run_->remote());
                                   supervisor_.on_connected(attempt, now());
                                   act();
                               },
                           .connect_failed =
                               [this, attempt](const std::string& why) {
                                   supervisor_.on_connect_failed(attempt, why, now());
                                   act();
                               },
                           .login_event =
                               [this, attempt](session::LoginEngine::Event event) {
                                   on_login_event(attempt, std::move(event));
                               },
                           .broken =
                               [this, attempt](const std::string& why) {
                                   supervisor_.on_login_broken(attempt, why, now());
                                   act();
                               }});
    const std::string& host = action.portal.address;
    const auto known = addresses_.find(host);
    if (!known) return look_up(action);
    run_->connect(*known, static_cast<std::uint16_t>(action.portal.port));
    if (!addresses_.look_up_again(host, now())) return;
    around_.resolver.resolve(
        host, [this, host, alive = std::weak_ptr(alive_)](const base::Result<Addresses>& found) {
            if (!alive.expired() && found) addresses_.learn(host, *found);
        });
}

void Session::look_up(const session::Connect& action) {
    around_.resolver.resolve(action.portal.address, [this, action, alive = std::weak_ptr(alive_)](
                                                        const base::Result<Addresses>& found) {
        if (alive.expired()) return;
        // Also when it comes too late for this attempt.
        if (found) addresses_.learn(action.portal.address, *found);
        if (!run_ || attempt_ != action.attempt) return;
        if (found) {
            return run_->connect(*found, static_cast<std::uint16_t>(action.portal.port));
        }
        supervisor_.on_unresolved(action.attempt, found.error().message, now());
        act();
    });
}

void Session::perform(const session::StartLogin& action) {
    session::LoginConfig config = login_config(spec_.node);
    config.initiator_name = spec_.initiator_name;
    config.initiator_alias = initiator_alias_;
    config.login_deadline = action.deadline;
    if (path_.carries_login()) return log_in_through_path(action.attempt, std::move(config));
    config.isid = session::isid_for_session(static_cast<std::uint32_t>(sid()));
    run_->log_in(std::move(config), around_.random);
}

void Session::note_addresses() {
    current_address_ = run_->remote_address();
    current_port_ = run_->remote_port();
    local_address_ = run_->local_address();
}

void Session::log_in_through_path(std::uint64_t attempt, session::LoginConfig config) {
    note_addresses();
    pdu_attempt_ = attempt;
    pdu_login_ = std::make_unique<PduLogin>(
        around_.io, path_, key_,
        PduLogin::Handlers{.login_event =
                               [this, attempt](session::LoginEngine::Event event) {
                                   on_login_event(attempt, std::move(event));
                               },
                           .broken =
                               [this, attempt](const std::string& why) {
                                   supervisor_.on_login_broken(attempt, why, now());
                                   act();
                               }});
    const auto bound = path_.bind(key_, {.socket = run_->take_socket(),
                                         .generation = attempt,
                                         .current_address = current_address_,
                                         .current_port = current_port_,
                                         .local_address = local_address_});
    if (bound) supervisor_.note_sid(*bound);
    config.isid = session::isid_for_session(static_cast<std::uint32_t>(sid()));
    // The supervisor hears of it from the event loop: this is one of its own actions.
    asio::post(around_.io, [this, attempt, bound, config = std::move(config),
                            alive = std::weak_ptr(alive_)]() mutable {
        if (alive.expired() || !pdu_login_ || pdu_attempt_ != attempt) return;
        if (bound) return pdu_login_->log_in(std::move(config), around_.random);
        const auto& error = bound.error();
        if (has_number()) {
            supervisor_.on_login_broken(attempt, error.message, now());
        } else {
            supervisor_.on_data_path(session::CreateFailed{error.code, error.message}, now());
        }
        act();
    });
}

void Session::on_pdu(const datapath::ReceivedPdu& pdu) {
    if (pdu_login_ && pdu.generation == pdu_attempt_) pdu_login_->on_pdu(pdu);
}

void Session::on_login_event(std::uint64_t attempt, session::LoginEngine::Event event) {
    if (const auto* notice = std::get_if<session::Notice>(&event)) {
        return base::log(notice->level, "{}", notice->text);
    }
    if (const auto* login = std::get_if<session::LoggedIn>(&event)) {
        login_ = *login;
        supervisor_.on_logged_in(attempt, *login, now());
    } else if (const auto* redirect = std::get_if<session::Redirect>(&event)) {
        supervisor_.on_redirected(attempt, *redirect, now());
    } else {
        supervisor_.on_login_failed(attempt, std::get<session::LoginFailed>(event), now());
    }
    act();
}

// The run is destroyed from the event loop: an action is often the consequence of its own call.
void Session::perform(const session::Abandon&) {
    // A kernel has had the socket since bind(): without this it keeps a login alive that failed.
    if (pdu_login_) path_.stop(key_, datapath::StopMode::Recover);
    let_go();
}

void Session::let_go() {
    asio::post(around_.io, [run = std::shared_ptr<LoginRun>(std::move(run_)),
                            login = std::shared_ptr<PduLogin>(std::move(pdu_login_))] {});
}

void Session::perform(const session::StartDataPath& action) {
    os::Fd socket;  // none where bind() has taken it
    if (!path_.carries_login()) {
        note_addresses();
        socket = run_->take_socket();
    }
    addresses_.logged_in();
    path_.start(key_, {.socket = std::move(socket),
                       .generation = action.attempt,
                       .login = login_,
                       .current_address = current_address_,
                       .current_port = current_port_,
                       .local_address = local_address_});
    let_go();
}

void Session::perform(const session::StopDataPath& action) {
    path_.stop(key_,
               action.terminate ? datapath::StopMode::Terminate : datapath::StopMode::Recover);
}

void Session::perform(const session::SendLogout& action) { path_.logout(key_, action.timeout); }

void Session::perform(const session::SendConnectionLogout& action) {
    path_.logout_connection(key_, action.timeout);
}

session::ScanResult Session::note_scan(const base::Result<datapath::RescanDone>& result) const {
    if (!result) {
        base::log(LogLevel::Warning, "session {}: scan: {}", sid(), result.error().message);
        return {.text = fmt::format("no disks: {}", result.error().message)};
    }
    const std::string missing = result->missing_disks();
    for (const std::string* lines : {&result->problems, &missing}) {
        if (!lines->empty()) base::log(LogLevel::Warning, "session {}: {}", sid(), *lines);
    }
    // Only what is wrong on this machine makes the login fail: a unit may become ready later.
    const bool usable = result->devices > 0 || result->failures.empty();
    return {.usable = usable, .text = usable ? result->news() : result->failures};
}

void Session::perform(const session::StartScan&) {
    path_.rescan(key_, [this, alive = std::weak_ptr(alive_)](
                           const base::Result<datapath::RescanDone>& result) {
        if (alive.expired()) return;
        supervisor_.on_scan_done(note_scan(result), now());
        act();
    });
}

void Session::perform(const session::ReplyLogin& action) {
    for (const Reply& reply : std::exchange(login_replies_, {})) {
        reply(action.code, action.message);
    }
}

void Session::perform(const session::ReplyLogout& action) {
    if (Reply reply = std::exchange(logout_reply_, {})) reply(action.code, action.message);
}

void Session::perform(const session::LogLine& action) {
    base::log(action.level, "{}", action.text);
}

void Session::perform(const session::Finished&) {
    if (finished_) asio::post(around_.io, std::exchange(finished_, {}));
}

}  // namespace iscsi::iscsid

// SPDX-License-Identifier: LGPL-2.1-or-later
// One session, put together from the product's parts: the supervisor decides, the login engine
// logs in, iscsi-userd's initiator does the I/O. What iscsid and iscsi-userd are two processes for
// happens in one thread here, on a sped-up clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "os/epoll.hpp"
#include "os/fd.hpp"
#include "os/random.hpp"
#include "probe_options.hpp"
#include "userd/initiator.hpp"
#include "userd/slot_pool.hpp"

namespace iscsi::conformance {

class ProbeSession final : userd::InitiatorListener {
public:
    // `report` gets one JSON object for each event.
    using Report = std::function<void(std::string_view json)>;

    ProbeSession(const ProbeOptions& options, const FastClock& clock, Report report);

    // Does what can be done now, then waits for a socket or a deadline, until `limit` (real).
    void step(base::Instant limit);

    bool login_answered() const { return login_answered_; }
    bool finished() const { return finished_; }
    std::size_t busy() { return initiator_.scheduler().busy_slots(); }
    bool can_submit() const { return !pool_.empty(); }

    void submit(const ProbeCommand& command, std::size_t index);
    void request_logout();

private:
    struct Io {
        std::size_t index = 0;
        base::ByteSpan data;
    };
    enum class Socket : std::uint8_t { Closed, Connecting, Open };

    base::Instant now() const { return clock_.now(); }
    void settle();
    bool run_supervisor();
    bool run_login();

    void act(const session::CreateSession&);
    void act(const session::Connect& action);
    void act(const session::StartLogin& action);
    void act(const session::Abandon&);
    void act(const session::StartDataPath& action);
    void act(const session::StopDataPath& action);
    void act(const session::SendLogout& action);
    void act(const session::SendConnectionLogout& action);
    void act(const session::StartScan&);
    void act(const session::ReplyLogin& action);
    void act(const session::ReplyLogout& action);
    void act(const session::LogLine& action);
    void act(const session::Finished&) { finished_ = true; }

    void on(const session::Notice&) {}
    void on(const session::LoggedIn& event);
    void on(const session::Redirect& event);
    void on(const session::LoginFailed& event);

    void on_complete(const userd::Complete& complete) override;
    void on_connection_error(std::uint32_t number, const std::string& text) override;
    void on_async(const session::AsyncReceived& message) override;
    void on_logout(const session::LogoutAnswered& answer) override;
    void on_recovery_expired() override;
    void on_notice(const userd::Notify&) override {}

    void on_login_socket(const os::Epoll::Ready& ready);
    void login_writable();
    void login_readable();
    void watch_login();
    void forget_login();
    base::Instant deadline() const;
    void on_deadlines();

    const ProbeOptions& options_;
    const FastClock& clock_;
    Report report_;
    os::SystemRandom random_;
    os::Epoll epoll_;
    userd::SlotPool pool_;
    userd::Initiator initiator_;
    session::Supervisor supervisor_;
    std::optional<session::LoginEngine> login_;
    std::optional<session::LoggedIn> logged_in_;
    os::Fd socket_;  // until the data path takes it over
    Socket socket_state_ = Socket::Closed;
    std::uint64_t attempt_ = 0;
    bool whole_session_logs_out_ = false;
    bool login_answered_ = false;
    bool finished_ = false;
    std::vector<session::DataPathEvent> news_;  // for the supervisor, in the next round
    std::vector<Io> ios_;
};

}  // namespace iscsi::conformance

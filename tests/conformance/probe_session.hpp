// SPDX-License-Identifier: LGPL-2.1-or-later
// One session, put together from the product's engines: the supervisor decides, the login engine
// logs in, the scheduler and the full-feature engine do the I/O. What iscsid and iscsi-userd are
// two processes for happens in one thread here, on a sped-up clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "os/fd.hpp"
#include "probe_options.hpp"

namespace iscsi::conformance {

class ProbeSession {
public:
    // `report` gets one JSON object for each event.
    using Report = std::function<void(std::string_view json)>;

    ProbeSession(const ProbeOptions& options, const FastClock& clock, Report report);

    // Does what can be done now, then waits for the socket or a deadline, at most `limit` real ms.
    void step(int limit_ms);

    bool login_answered() const { return login_answered_; }
    bool finished() const { return finished_; }
    std::size_t busy() const { return scheduler_.busy_slots(); }
    bool can_submit() const;

    void submit(const ProbeCommand& command, std::size_t index);
    void request_logout();

private:
    struct Io {
        bool used = false;
        std::size_t index = 0;
        std::vector<std::byte> data;
        std::vector<base::ByteSpan> spans_in;
        std::vector<base::ConstByteSpan> spans_out;
        std::optional<session::TaskHandle> task;
    };
    enum class Socket : std::uint8_t { Closed, Connecting, Open };

    base::Instant now() const { return clock_.now(); }
    void settle();
    bool run_supervisor();
    bool run_scheduler();
    bool run_engine();
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
    void act(const session::Finished&);

    void act(const userd::StartCommand& action);
    void act(const userd::AbortTask& action);
    void act(const userd::ResetLun& action);
    void act(const userd::ResetTarget&);
    void act(const userd::DropConnection& action);
    void act(const userd::Complete& action);
    void act(const userd::RecoveryExpired&);
    void act(const userd::Notify&) {}

    void on(const session::TaskDone& event);
    void on(const session::TaskTimedOut&) {}
    void on(const session::TaskManagementDone& event);
    void on(const session::AsyncReceived& event);
    void on(const session::RejectReceived& event);
    void on(const session::LogoutAnswered& event);
    void on(const session::Dropped& event);

    void on(const session::Notice&) {}
    void on(const session::LoggedIn& event);
    void on(const session::Redirect& event);
    void on(const session::LoginFailed& event);

    void wait(int limit_ms);
    void on_writable();
    void on_readable();
    void on_closed(std::string_view why);
    base::Instant deadline() const;
    void on_deadlines();
    void give_up_connection(session::Disposition disposition);
    bool engine_runs() const;

    const ProbeOptions& options_;
    const FastClock& clock_;
    Report report_;
    std::unique_ptr<base::Random> random_;
    session::Supervisor supervisor_;
    userd::Scheduler scheduler_;
    std::optional<session::LoginEngine> login_;
    std::optional<session::LoggedIn> logged_in_;
    std::unique_ptr<session::FullFeature> engine_;
    os::Fd socket_;
    Socket socket_state_ = Socket::Closed;
    std::uint64_t attempt_ = 0;
    bool data_path_has_socket_ = false;
    bool whole_session_logs_out_ = false;
    bool login_answered_ = false;
    bool finished_ = false;
    bool engine_full_ = false;
    std::vector<Io> ios_;
};

}  // namespace iscsi::conformance

// SPDX-License-Identifier: LGPL-2.1-or-later
// The life of one session: first login with its retries, redirects, recovery after a connection
// error, asynchronous messages, logout. Events and time go in, actions come out; it owns no socket,
// no clock and no data path, and is the same for every data path.
//
//                       CreateFailed
//   Idle ──begin()──▶ Creating ───────────────────────────────────────────────▶ Ended
//                        │ Created                                                ▲
//                        ▼            redirect                                    │
//            ┌──────▶ Connecting ◀─────────────┐                                  │
//            │           │ connected           │                                  │
//    timer   │           ▼                     │                                  │
//            │        LoggingIn ───────────────┘                                  │
//            │           │ logged in                                              │
//            │           ▼                                                        │
//            │        Starting ──────▶ Scanning ──────▶ LoggedIn                  │
//            │           │   (first login,    │ │ target asks for logout     │    │ Gone
//            │   failure │    scan=auto)      │ ▼                            │    │
//            │           ▼       conn error   │ LogoutRequested ──┐   logout │    │
//            └──────── Waiting ◀──────────────┴───────────────────┘          ▼    │
//                        │                                            LoggingOut ─┤
//                        │ out of retries, fatal, logout                          │
//                        └──────────────▶ Ending ─────────────────────────────────┘
//
// Rules and numbers are open-iscsi's. A first login may take initial_login_retry_max times
// login_timeout in all; recovery goes on for ever unless reopen_max says otherwise, whatever the
// target answers: the devices of a session that has run are not given up because a target is being
// set up anew.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "base/instant.hpp"
#include "base/log.hpp"
#include "record/node.hpp"
#include "session/data_path_events.hpp"
#include "session/login.hpp"

namespace iscsi::session {

// After a refused or failed connect().
inline constexpr std::chrono::seconds kConnectRetryDelay{3};
// After a data path would not take a connection over.
inline constexpr std::chrono::seconds kStartRetryDelay{5};
// Redirects in a row before the login counts as failed.
inline constexpr int kRedirectsMax = 16;
// How long a data path may take to let a session go, beyond the logout timeout. Its devices' dirty
// pages are written first, and a good connection may be slow.
inline constexpr std::chrono::seconds kEndingLimit{300};

// What a scan has come to.
struct ScanResult {
    bool usable = true;  // false: there are disks, and not one of them could be made a device
    std::string text;    // the disks that could not, a line each; usually empty
};

struct TargetPortal {
    std::string address;  // host name, IPv4, or IPv6 without brackets
    std::int32_t port = 3260;
    bool operator==(const TargetPortal&) const = default;
};

struct SupervisorConfig {
    std::string target;
    std::string iface;
    TargetPortal portal;
    std::chrono::seconds login_timeout{15};   // of one attempt: connect and login together
    std::chrono::seconds logout_timeout{15};  //
    std::chrono::seconds time2wait{2};        // until a login has negotiated one
    int initial_login_retry_max = 8;
    int reopen_max = 0;       // 0: for ever
    int reopen_log_freq = 1;  // connect errors are logged for every N-th attempt
    bool scan_auto = true;
};
// Values that make no sense are replaced as open-iscsi replaces them; see normalize_timeouts().
SupervisorConfig supervisor_config(const record::Node& node);

// Replaces zero timeouts of the record by open-iscsi's values; one sentence for each replacement.
std::vector<std::string> normalize_timeouts(record::Node& node);

// Actions ------------------------------------------------------------------------------------

struct CreateSession {
    bool operator==(const CreateSession&) const = default;
};
// Resolve and connect; report with this attempt's number.
struct Connect {
    std::uint64_t attempt = 0;
    TargetPortal portal;
    bool operator==(const Connect&) const = default;
};
struct StartLogin {  // over the connection of this attempt
    std::uint64_t attempt = 0;
    base::Instant deadline;
    bool operator==(const StartLogin&) const = default;
};
// Close the attempt's socket and forget its login; nothing more is heard of it.
struct Abandon {
    std::uint64_t attempt = 0;
    bool operator==(const Abandon&) const = default;
};
// Hand the attempt's socket and login to the data path; `attempt` is the generation.
struct StartDataPath {
    std::uint64_t attempt = 0;
    bool operator==(const StartDataPath&) const = default;
};
struct StopDataPath {
    bool terminate = false;  // else: recover
    bool operator==(const StopDataPath&) const = default;
};
struct SendLogout {
    std::chrono::seconds timeout{15};
    bool operator==(const SendLogout&) const = default;
};
struct SendConnectionLogout {
    std::chrono::seconds timeout{15};
    bool operator==(const SendConnectionLogout&) const = default;
};
struct StartScan {         // on_scan_done() when it ends
    bool initial = false;  // the requester of the login waits for it
    bool operator==(const StartScan&) const = default;
};
struct ReplyLogin {  // at most once in a session's life
    base::ErrorCode code = base::ErrorCode::Success;
    std::string message;
    bool operator==(const ReplyLogin&) const = default;
};
struct ReplyLogout {  // once for each logout that was accepted
    base::ErrorCode code = base::ErrorCode::Success;
    std::string message;
    bool operator==(const ReplyLogout&) const = default;
};
struct LogLine {
    base::LogLevel level = base::LogLevel::Info;
    std::string text;
    bool operator==(const LogLine&) const = default;
};
struct Finished {  // the last action: the session is no more
    bool operator==(const Finished&) const = default;
};

using Action = std::variant<CreateSession, Connect, StartLogin, Abandon, StartDataPath,
                            StopDataPath, SendLogout, SendConnectionLogout, StartScan, ReplyLogin,
                            ReplyLogout, LogLine, Finished>;

enum class SupervisorState : std::uint8_t {
    Idle,
    Creating,
    Connecting,
    LoggingIn,
    Starting,
    Scanning,
    LoggedIn,
    LogoutRequested,
    Waiting,
    LoggingOut,
    Ending,
    Ended,
};

// What the login under way is for.
enum class Purpose : std::uint8_t {
    FirstLogin,
    Recovery,  // the session has run
    Resume,    // the session ran under an earlier iscsid and has lost its connection since
};

class Supervisor {
public:
    explicit Supervisor(SupervisorConfig config);

    // One of them, first. A session found running has a number and the generation of its latest
    // connection; `alive` says whether that one still works.
    void begin();
    struct Running {
        std::uint64_t sid = 0;
        std::uint64_t generation = 0;
        bool alive = false;
        bool unfinished = false;  // its logout, or first login, was cut short: it is to end
        std::chrono::seconds time2wait{2};
    };
    void resume(const Running& running, base::Instant now);

    void on_connected(std::uint64_t attempt, base::Instant now);
    void on_connect_failed(std::uint64_t attempt, std::string_view why, base::Instant now);
    // The portal is a name, and nobody knows it now.
    void on_unresolved(std::uint64_t attempt, std::string_view why, base::Instant now);
    void on_logged_in(std::uint64_t attempt, const LoggedIn& login, base::Instant now);
    void on_redirected(std::uint64_t attempt, const Redirect& redirect, base::Instant now);
    void on_login_failed(std::uint64_t attempt, const LoginFailed& failure, base::Instant now);
    // The connection broke in the middle of the login.
    void on_login_broken(std::uint64_t attempt, std::string_view why, base::Instant now);
    void on_data_path(const DataPathEvent& event, base::Instant now);
    // The first scan decides whether the login was a success.
    void on_scan_done(const ScanResult& result, base::Instant now);

    // Accepted (ReplyLogout comes in time), or refused with code and reason. A first login that is
    // under way ends with it, so that nobody has to wait for a target that is not there.
    base::Status request_logout(base::Instant now);

    base::Instant deadline() const { return deadline_; }
    void on_deadline(base::Instant now);
    std::optional<Action> next_action();

    SupervisorState state() const { return state_; }
    Purpose purpose() const { return purpose_; }
    bool redirected() const { return redirects_ > 0; }  // on the way to where the target sent us
    // 0: the data path has made no session yet.
    std::uint64_t sid() const { return sid_; }
    // Of a session that its data path has made with the first connection.
    void note_sid(std::uint64_t sid) { sid_ = sid; }
    // Whether it has ever carried commands.
    bool has_run() const { return has_run_; }
    // Whether it is listed: open-iscsi's sessions come to be when the target has been reached.
    bool is_listed() const { return has_run_ || has_connected_; }
    // Its first login is under way. A logout ends it, another login may wait for its outcome.
    bool logging_in() const;

private:
    // Why an attempt failed, and what follows from it.
    struct Failure {
        base::ErrorCode code = base::ErrorCode::Login;  // the answer, if there is no more time
        base::ErrorCode late = base::ErrorCode::TransportTimeout;  // if it runs out before the next
        std::string text;
        std::chrono::seconds delay{};  // before the next attempt
    };

    void act(Action action) { actions_.push_back(std::move(action)); }
    template <class... Args>
    void log(base::LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
        act(LogLine{level, fmt::format(format, std::forward<Args>(args)...)});
    }
    std::string where() const;  // "[target: T, portal: A,P] through [iface: I]"
    bool is_current(std::uint64_t attempt, SupervisorState state) const {
        return state_ == state && attempt == attempt_;
    }
    // The first login has one limit, however it fails and wherever it is redirected.
    base::Instant retry_limit() const;
    base::Instant redirect_limit() const;

    void connect(base::Instant now);
    void abandon();
    void wait(std::chrono::seconds delay, base::Instant now);
    void on_wait_over(base::Instant now);
    void attempt_failed(Failure failure, base::Instant now);
    void login_failed(base::ErrorCode code, std::string text, base::Instant now);
    void recover(base::Instant now);
    void terminate(base::ErrorCode code, std::string message, base::Instant now);
    void end();
    void stuck(std::string_view reason);
    void reply_login(base::ErrorCode code, std::string message);
    void log_out(Failure why, base::Instant now);
    void log_out_connection(base::Instant now);
    void on_connection_lost(const ConnectionError& error, base::Instant now);
    std::chrono::seconds take_time2wait();

    void on_event(const Created& event, base::Instant now);
    void on_event(const CreateFailed& event, base::Instant now);
    void on_event(const Started& event, base::Instant now);
    void on_event(const StartFailed& event, base::Instant now);
    void on_event(const ConnectionError& event, base::Instant now);
    void on_event(const AsyncMessage& event, base::Instant now);
    void on_event(const ConnectionLogoutDone& event, base::Instant now);
    void on_event(const LogoutDone& event, base::Instant now);
    void on_event(const DevicesChanged& event, base::Instant now);
    void on_event(const RecoveryTimeout& event, base::Instant now);
    void on_event(const Stuck& event, base::Instant now);
    void on_event(const Gone& event, base::Instant now);

    SupervisorConfig config_;
    SupervisorState state_ = SupervisorState::Idle;
    Purpose purpose_ = Purpose::FirstLogin;
    base::Instant deadline_ = base::kNever;
    std::optional<base::Instant> first_connect_;
    std::uint64_t sid_ = 0;
    std::uint64_t attempt_ = 0;  // the latest connect; its number is the connection's generation
    TargetPortal current_;       // where the next connect goes
    TargetPortal failback_;      // where it goes after a failure
    int redirects_ = 0;          // in a row
    int reopens_ = 0;            // attempts of this recovery
    std::chrono::seconds time2wait_;                          // as last negotiated
    std::optional<std::chrono::seconds> time2wait_demanded_;  // by the target, for once
    bool has_connected_ = false;
    bool has_run_ = false;
    bool login_answered_ = false;
    bool logout_pending_ = false;
    bool is_stuck_ = false;  // Ending, and whoever waited has been told that it does not end
    std::string losses_;     // of the logout, told when it is over
    Failure ending_;         // why the session ends: what an unanswered login gets
    std::deque<Action> actions_;
};

// The words that a session is listed with (print level 1, sysfs).
std::string_view session_state_word(const Supervisor& supervisor);  // LOGGED_IN, FAILED, FREE

}  // namespace iscsi::session

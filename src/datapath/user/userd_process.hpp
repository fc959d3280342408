// SPDX-License-Identifier: LGPL-2.1-or-later
// One iscsi-userd as iscsid sees it: the process, the socket to it, requests and their answers.
#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "base/error.hpp"
#include "datapath/user/process_watch.hpp"
#include "os/fd.hpp"
#include "userlink/messages.hpp"

namespace iscsi::datapath {

using AnswerBody = decltype(userlink::Answer::body);
using RequestBody = decltype(userlink::Request::body);
using AnswerHandler = std::function<void(base::Result<AnswerBody>)>;

// Requests not yet answered; one more is refused. A stuck process must not cost us memory.
inline constexpr std::size_t kPendingMax = 256;

class UserdProcess {
public:
    struct Handlers {
        std::function<void(userlink::Event)> on_event;
        // The connection is gone, and the process has ended. Called once, last.
        std::function<void(std::string reason)> on_closed;
    };

    UserdProcess(asio::io_context& io, std::string socket_path, Handlers handlers);
    UserdProcess(const UserdProcess&) = delete;
    UserdProcess& operator=(const UserdProcess&) = delete;
    ~UserdProcess();

    void set_handlers(Handlers handlers) { handlers_ = std::move(handlers); }

    // Before the connection: whether the process is to send what it logs.
    void relay_log(bool wanted) { relays_log_ = wanted; }
    // Starts the program and connects as soon as it listens. Until then requests are queued.
    void launch(const std::string& program, std::uint64_t sid);
    // Connects to one that runs. Error: DaemonNotConnected when nobody listens.
    base::Status attach(userlink::Role role = userlink::Role::Controller);

    // `handler` is called once, from the event loop, whatever happens: DaemonNotConnected when the
    // connection fails (before on_closed) or this object goes, which the handler may outlive.
    // `limit` zero: no limit.
    void request(RequestBody body, AnswerHandler handler, std::chrono::seconds limit = {},
                 os::Fd cargo = {});

    std::optional<pid_t> pid() const { return pid_; }

private:
    struct Outgoing {
        std::string text;
        os::Fd cargo;
    };
    struct Pending {
        AnswerHandler handler;
        std::unique_ptr<asio::steady_timer> timer;
    };

    void wait_for_socket();
    void try_connect();
    void connected(os::Fd socket, userlink::Role role);
    void greet(userlink::Role role);
    void flush();
    void read();
    void on_message(std::string_view text);
    void on_answer(userlink::Answer answer);
    void answer_pending(std::uint64_t id, base::Result<AnswerBody> result);
    void close(std::string reason);
    void fail_pending();
    void watch(pid_t pid);
    void report_closed();

    asio::io_context& io_;
    std::string socket_path_;
    Handlers handlers_;
    // Handlers of asynchronous operations look whether the object still lives. Owners: this object
    // alone; they hold weak references.
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    asio::posix::stream_descriptor socket_;
    asio::posix::stream_descriptor arrival_;  // inotify, while the socket file is awaited
    asio::steady_timer retry_;
    asio::steady_timer limit_;  // of the launch, then of the end
    std::deque<Outgoing> outgoing_;
    bool relays_log_ = false;
    bool writing_ = false;
    bool closed_ = false;
    bool all_answered_ = false;  // since it was closed
    std::string reason_;         // why it was closed
    std::optional<pid_t> pid_;
    std::unique_ptr<ProcessWatch> watch_;  // none: the process has ended, or never began
    std::map<std::uint64_t, Pending> pending_;
    std::uint64_t next_id_ = 1;
};

}  // namespace iscsi::datapath

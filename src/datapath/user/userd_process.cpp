// SPDX-License-Identifier: LGPL-2.1-or-later
#include "datapath/user/userd_process.hpp"

#include <fmt/format.h>
#include <sys/inotify.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/log.hpp"
#include "os/process.hpp"
#include "os/unix_socket.hpp"

namespace iscsi::datapath {

using base::ErrorCode;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::seconds kLaunchLimit{20};
constexpr std::chrono::seconds kHelloLimit{10};
// A process that has closed its socket has nothing left to do.
constexpr std::chrono::seconds kEndLimit{10};
// Between bind() and listen() of the new process a connect is refused.
constexpr std::chrono::milliseconds kConnectRetry{5};

}  // namespace

UserdProcess::UserdProcess(asio::io_context& io, std::string socket_path, Handlers handlers)
    : io_(io),
      socket_path_(std::move(socket_path)),
      handlers_(std::move(handlers)),
      socket_(io),
      arrival_(io),
      retry_(io),
      limit_(io) {}

UserdProcess::~UserdProcess() { fail_pending(); }

void UserdProcess::launch(const std::string& program, std::uint64_t sid) {
    // The watch stands before the program starts, so that the file's arrival cannot be missed.
    os::Fd arrival(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    const std::string directory = socket_path_.substr(0, socket_path_.rfind('/'));
    if (!arrival ||
        ::inotify_add_watch(arrival.get(), directory.c_str(), IN_CREATE | IN_MOVED_TO) < 0) {
        return close(base::fail_errno(ErrorCode::Internal, errno, directory).error().message);
    }
    arrival_.assign(arrival.release());
    const std::string rundir = directory.substr(0, directory.rfind('/'));
    const auto pid =
        os::spawn_detached(program, {"--sid", fmt::format("{}", sid), "--run-dir", rundir});
    if (!pid) return close(pid.error().message);
    base::log(base::LogLevel::Debug, "session {}: started {} as process {}", sid, program, *pid);
    watch(*pid);
    limit_.expires_after(kLaunchLimit);
    limit_.async_wait([this, pid = *pid, alive = std::weak_ptr(alive_)](asio::error_code error) {
        if (error || alive.expired()) return;
        os::kill_process(pid);  // it has no session yet
        close("it did not come up in time");
    });
    wait_for_socket();
    try_connect();
}

void UserdProcess::wait_for_socket() {
    arrival_.async_wait(
        asio::posix::stream_descriptor::wait_read,
        [this, alive = std::weak_ptr(alive_)](asio::error_code error) {
            if (error || alive.expired()) return;
            std::array<char, 4096> events;  // which file it was does not matter
            while (::read(arrival_.native_handle(), events.data(), events.size()) > 0) {
            }
            wait_for_socket();
            try_connect();
        });
}

void UserdProcess::try_connect() {
    if (socket_.is_open() || closed_) return;
    auto socket = os::connect_unix(os::SocketKind::SeqPacket, {.name = socket_path_});
    if (socket) return connected(std::move(*socket), userlink::Role::Controller);
    if (errno != ECONNREFUSED) return;  // not there yet: the watch will tell
    retry_.expires_after(kConnectRetry);
    retry_.async_wait([this, alive = std::weak_ptr(alive_)](asio::error_code error) {
        if (!error && !alive.expired()) try_connect();
    });
}

base::Status UserdProcess::attach(userlink::Role role) {
    ISCSI_TRY(os::Fd socket, os::connect_unix(os::SocketKind::SeqPacket, {.name = socket_path_}));
    if (const auto peer = os::peer_credentials(socket.get())) watch(peer->pid);
    connected(std::move(socket), role);
    return {};
}

void UserdProcess::connected(os::Fd socket, userlink::Role role) {
    limit_.cancel();
    arrival_.close();
    socket_.assign(socket.release());
    socket_.native_non_blocking(true);
    greet(role);
    read();
    flush();
}

// Hello goes before whatever was queued meanwhile.
void UserdProcess::greet(userlink::Role role) {
    const std::uint64_t id = next_id_++;
    userlink::Request hello{id, userlink::Hello{.role = role, .log = relays_log_}};
    outgoing_.push_front({userlink::encode(hello), {}});
    auto timer = std::make_unique<asio::steady_timer>(io_, kHelloLimit);
    timer->async_wait([this, alive = std::weak_ptr(alive_)](asio::error_code error) {
        if (!error && !alive.expired()) close("iscsi-userd does not answer");
    });
    pending_[id] = {[this, alive = std::weak_ptr(alive_)](const base::Result<AnswerBody>& answer) {
                        if (!answer && !alive.expired()) close(answer.error().message);
                    },
                    std::move(timer)};
}

void UserdProcess::request(RequestBody body, AnswerHandler handler, std::chrono::seconds limit,
                           os::Fd cargo) {
    if (closed_ || pending_.size() >= kPendingMax) {
        const auto code = closed_ ? ErrorCode::DaemonNotConnected : ErrorCode::Busy;
        asio::post(io_, [handler = std::move(handler), code] {
            handler(base::fail(code, "iscsi-userd takes no more requests"));
        });
        return;
    }
    const std::uint64_t id = next_id_++;
    std::unique_ptr<asio::steady_timer> timer;
    if (limit > 0s) {
        timer = std::make_unique<asio::steady_timer>(io_, limit);
        timer->async_wait([this, id, alive = std::weak_ptr(alive_)](asio::error_code error) {
            if (error || alive.expired()) return;
            answer_pending(id,
                           base::fail(ErrorCode::RequestTimedOut, "iscsi-userd gave no answer"));
        });
    }
    pending_[id] = {std::move(handler), std::move(timer)};
    outgoing_.push_back(
        {userlink::encode(userlink::Request{id, std::move(body)}), std::move(cargo)});
    flush();
}

void UserdProcess::flush() {
    if (!socket_.is_open() || writing_) return;
    while (!outgoing_.empty()) {
        const Outgoing& next = outgoing_.front();
        const auto sent = os::send_message(socket_.native_handle(), next.text, next.cargo.get());
        if (sent) {
            outgoing_.pop_front();
            continue;
        }
        if (sent.error().code != ErrorCode::Again) return;  // read() finds the end as well
        writing_ = true;
        socket_.async_wait(asio::posix::stream_descriptor::wait_write,
                           [this, alive = std::weak_ptr(alive_)](asio::error_code error) {
                               if (error || alive.expired()) return;
                               writing_ = false;
                               flush();
                           });
        return;
    }
}

void UserdProcess::read() {
    socket_.async_wait(
        asio::posix::stream_descriptor::wait_read,
        [this, alive = std::weak_ptr(alive_)](asio::error_code error) {
            if (error || alive.expired()) return;
            // One message per turn of the event loop: a talkative process delays nobody.
            auto message = os::receive_message(socket_.native_handle(), userlink::kMessageBytesMax);
            if (!message && message.error().code != ErrorCode::InvalidRequest) {
                return close("the process has ended");
            }
            if (!message) {
                base::log(base::LogLevel::Error, "iscsi-userd: {}", message.error().message);
            } else if (*message) {
                on_message((*message)->text);
                if (alive.expired() || closed_) return;
            }
            read();
        });
}

void UserdProcess::on_message(std::string_view text) {
    auto decoded = userlink::decode_from_userd(text);
    if (!decoded) {
        base::log(base::LogLevel::Error, "iscsi-userd: {}", decoded.error().message);
        return;
    }
    if (auto* answer = std::get_if<userlink::Answer>(&*decoded)) {
        return on_answer(std::move(*answer));
    }
    if (handlers_.on_event) handlers_.on_event(std::get<userlink::Event>(std::move(*decoded)));
}

void UserdProcess::on_answer(userlink::Answer answer) {
    if (const auto* failure = std::get_if<userlink::Failure>(&answer.body)) {
        return answer_pending(answer.id,
                              std::unexpected(base::Error{failure->code, failure->message}));
    }
    answer_pending(answer.id, std::move(answer.body));
}

void UserdProcess::answer_pending(std::uint64_t id, base::Result<AnswerBody> result) {
    auto found = pending_.extract(id);
    if (found.empty()) return;  // its time was over
    found.mapped().handler(std::move(result));
}

void UserdProcess::watch(pid_t pid) {
    pid_ = pid;
    watch_ = std::make_unique<ProcessWatch>(io_, pid, [this](std::string how) {
        if (!how.empty()) reason_ = std::move(how);
        watch_.reset();
        if (closed_) {
            if (all_answered_) report_closed();  // else behind the answers
            return;
        }
        if (!socket_.is_open()) return close(reason_.empty() ? "it has ended" : reason_);
        // What it said last may still be in the socket; read() closes behind it.
        limit_.expires_after(kEndLimit);
        limit_.async_wait([this, alive = std::weak_ptr(alive_)](asio::error_code error) {
            if (!error && !alive.expired()) close("it has ended");
        });
    });
}

void UserdProcess::close(std::string reason) {
    if (std::exchange(closed_, true)) return;
    if (reason_.empty()) reason_ = std::move(reason);
    socket_.close();
    arrival_.close();
    retry_.cancel();
    outgoing_.clear();
    fail_pending();
    // Behind the answers, which may be the end of this object.
    asio::post(io_, [this, alive = std::weak_ptr(alive_)] {
        if (alive.expired()) return;
        all_answered_ = true;
        if (!watch_) return report_closed();
        limit_.expires_after(kEndLimit);
        limit_.async_wait([this, alive](asio::error_code error) {
            if (!error && !alive.expired()) report_closed();
        });
    });
}

// From the event loop: this may be the consequence of a verb. Each by itself: none of them depends
// on what another one does to this object.
void UserdProcess::fail_pending() {
    for (auto& [id, pending] : std::exchange(pending_, {})) {
        asio::post(io_, [handler = std::move(pending.handler), reason = reason_] {
            handler(base::fail(ErrorCode::DaemonNotConnected, "iscsi-userd: {}", reason));
        });
    }
}

void UserdProcess::report_closed() {
    limit_.cancel();
    watch_.reset();
    if (auto handler = std::exchange(handlers_.on_closed, {})) handler(reason_);
}

}  // namespace iscsi::datapath

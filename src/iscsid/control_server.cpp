// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsid/control_server.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <asio/buffer.hpp>
#include <asio/steady_timer.hpp>
#include <deque>
#include <utility>

#include "base/log.hpp"
#include "control/legacy_reader.hpp"
#include "datapath/kernel/sysfs.hpp"
#include "iscsid/legacy_exchange.hpp"
#include "os/clock.hpp"
#include "os/unix_socket.hpp"

namespace iscsi::iscsid {

using asio::local::stream_protocol;
using base::ErrorCode;
namespace legacy = control::legacy;

namespace {

constexpr std::size_t kChunkBytes = 4096;
constexpr std::size_t kDiscardBytesMax = 256UL * 1024;
// After the descriptors have run out.
constexpr std::chrono::milliseconds kAcceptPause{100};
// A fixed-size request comes in one piece: when nothing has followed for so long, it was all.
constexpr std::chrono::milliseconds kQuiet{20};

bool host_exists(std::uint32_t number) {
    return datapath::kernel::Sysfs().host(number).has_value();
}

template <class Bytes>
std::string text_of(const Bytes& bytes) {
    return std::string(base::as_text(bytes));
}

}  // namespace

//   Reading ──line──▶ Answering ──Done──▶ Closing (what is left is written) ──▶ gone
//      └── bad request, wrong user ──────────▲
class ControlServer::Client final : public Answers,
                                    public std::enable_shared_from_this<ControlServer::Client> {
public:
    Client(ControlServer& server, stream_protocol::socket socket)
        : server_(&server), socket_(std::move(socket)) {}

    void begin() {
        const auto peer = os::peer_credentials(socket_.native_handle());
        if (!peer || peer->uid != server_->options_.allowed_uid) {
            // Unread, and so not known to be of either kind: all clients know this reply.
            base::log(base::LogLevel::Debug, "refused a client: only root may ask");
            state_ = State::Closing;
            return push(text_of(legacy_error(legacy::Command::Unknown, ErrorCode::Access)));
        }
        read();
    }

    void send(const control::Answer& answer) override {
        if (state_ == State::Closing || state_ == State::Gone) return;
        if (std::holds_alternative<control::Done>(answer)) state_ = State::Closing;
        if (!fixed_) return push(control::encode(answer));
        if (const auto reply = fixed_->reply.take(answer)) push(text_of(*reply));
    }

    bool idle() const { return state_ == State::Reading && incoming_.empty() && !fixed_; }

    void drop() {
        if (std::exchange(state_, State::Gone) == State::Gone) return;
        server_->incoming_bytes_ -= incoming_bytes_;
        server_->outgoing_bytes_ -= outgoing_bytes_;
        if (fixed_) fixed_->timer.cancel();
        asio::error_code ignored;
        socket_.close(ignored);
        server_->clients_.erase(shared_from_this());
    }

    // The server ends before this client: whatever still refers to it finds nothing to do.
    void orphan() {
        state_ = State::Gone;
        if (fixed_) fixed_->timer.cancel();
        asio::error_code ignored;
        socket_.close(ignored);
    }

private:
    enum class State : std::uint8_t { Reading, Answering, Closing, Gone };

    // What a client of the other language has; most have none.
    struct Fixed {
        explicit Fixed(ControlServer& server)
            : deadline(os::now() + server.options_.fixed_request_time), timer(server.io_) {}
        legacy::RequestReader reader;
        LegacyReply reply{legacy::Command::Unknown};
        base::Instant deadline;
        asio::steady_timer timer;
    };

    void read() {
        socket_.async_read_some(
            asio::buffer(chunk_),
            [self = shared_from_this()](asio::error_code error, std::size_t count) {
                if (self->state_ == State::Gone) return;
                if (error) return self->on_hangup();
                self->on_bytes({self->chunk_.data(), count});
            });
    }

    void on_bytes(std::string_view bytes) {
        // Whatever follows the request is not looked at; reading goes on to notice the end.
        if (state_ != State::Reading) return read();
        if (!fixed_ && incoming_.empty() &&
            legacy::may_begin_request(static_cast<std::byte>(bytes.front()))) {
            fixed_ = std::make_unique<Fixed>(*server_);
        }
        if (server_->incoming_bytes_ + bytes.size() > kIncomingBytesMax) {
            return refuse(ErrorCode::InvalidRequest, "too many requests at a time");
        }
        if (fixed_) return on_fixed_bytes(bytes);
        on_text(bytes);
    }

    void on_text(std::string_view bytes) {
        const std::size_t end = bytes.find('\n');
        const std::string_view part = bytes.substr(0, end);
        if (incoming_.empty() && !part.empty() && part.front() != '{') {
            return refuse(ErrorCode::InvalidRequest, "a request that is no JSON object");
        }
        if (incoming_.size() + part.size() > control::kRequestBytesMax) {
            return refuse(ErrorCode::InvalidRequest, "a request of too many bytes");
        }
        incoming_ += part;
        account(incoming_.size());
        if (end == std::string_view::npos) return read();
        const std::string line = std::exchange(incoming_, {});
        account(0);
        auto request = control::decode_request(line);
        if (!request) return refuse(request.error().code, request.error().message);
        state_ = State::Answering;
        read();
        server_->requests_.carry_out(std::move(*request), shared_from_this());
    }

    void on_fixed_bytes(std::string_view bytes) {
        using Progress = legacy::RequestReader::Progress;
        const auto progress = fixed_->reader.take(std::as_bytes(std::span(bytes)));
        account(fixed_->reader.buffered());
        if (progress == Progress::Complete) {
            finish_fixed();
            if (state_ != State::Gone) read();
            return;
        }
        const auto quiet = os::now() + kQuiet;
        fixed_->timer.expires_at(progress == Progress::MaybeComplete
                                     ? std::min(quiet, fixed_->deadline)
                                     : fixed_->deadline);
        fixed_->timer.async_wait([self = shared_from_this()](asio::error_code error) {
            if (!error && self->state_ == State::Reading) self->finish_fixed();
        });
        read();
    }

    // Nothing more is expected: carries out what has come.
    void finish_fixed() {
        fixed_->timer.cancel();
        account(0);
        const auto request = fixed_->reader.finish();
        fixed_->reply = LegacyReply(fixed_->reader.command());
        if (!request) return refuse(request.error().code, request.error().message);
        state_ = State::Answering;
        auto task = translate(*request, host_exists);
        if (const auto* code = std::get_if<ErrorCode>(&task)) {
            return send(control::Done{*code, {}});
        }
        server_->requests_.carry_out(std::get<control::Request>(std::move(task)),
                                     shared_from_this());
    }

    // Work that was asked for goes on without its client.
    void on_hangup() {
        if (state_ == State::Closing && !outgoing_.empty()) return;  // half closed; still read from
        // The end of what it sends may be the end of the request, too.
        if (state_ == State::Reading && fixed_) return finish_fixed();
        drop();
    }

    // Notes how many bytes of a request this client has us keep.
    void account(std::size_t bytes) {
        server_->incoming_bytes_ += bytes - incoming_bytes_;
        incoming_bytes_ = bytes;
    }

    void refuse(ErrorCode code, std::string message) {
        base::log(base::LogLevel::Debug, "refused a request: {}", message);
        send(control::Done{code, std::move(message)});
    }

    void push(std::string line) {
        outgoing_bytes_ += line.size();
        server_->outgoing_bytes_ += line.size();
        if (outgoing_bytes_ > kBacklogBytesMax ||
            server_->outgoing_bytes_ > kBacklogBytesTotalMax) {
            base::log(base::LogLevel::Warning, "a client does not read its answers, dropped");
            return drop();
        }
        outgoing_.push_back(std::move(line));
        if (outgoing_.size() == 1) write();
    }

    void write() {
        const std::string& line = outgoing_.front();
        socket_.async_write_some(
            asio::buffer(line.data() + written_, line.size() - written_),
            [self = shared_from_this()](asio::error_code error, std::size_t count) {
                if (self->state_ == State::Gone) return;
                if (error) return self->drop();
                self->on_written(count);
            });
    }

    void on_written(std::size_t count) {
        written_ += count;
        if (written_ == outgoing_.front().size()) {
            outgoing_bytes_ -= written_;
            server_->outgoing_bytes_ -= written_;
            outgoing_.pop_front();
            written_ = 0;
        }
        if (!outgoing_.empty()) return write();
        if (state_ != State::Closing) return;
        discard_unread();
        drop();
    }

    // Closing with bytes unread would take the answer away from who has not read it yet.
    void discard_unread() {
        for (std::size_t done = 0; done < kDiscardBytesMax; done += chunk_.size()) {
            if (::recv(socket_.native_handle(), chunk_.data(), chunk_.size(), MSG_DONTWAIT) <= 0) {
                return;
            }
        }
    }

    ControlServer* server_;
    stream_protocol::socket socket_;
    State state_ = State::Reading;
    std::array<char, kChunkBytes> chunk_;
    std::string incoming_;  // the request's line so far
    std::unique_ptr<Fixed> fixed_;
    std::size_t incoming_bytes_ = 0;  // kept of a request, of either kind
    std::deque<std::string> outgoing_;
    std::size_t outgoing_bytes_ = 0;
    std::size_t written_ = 0;  // of the first line
};

ControlServer::ControlServer(asio::io_context& io, os::Fd listening, Requests& requests,
                             Options options)
    : io_(io), acceptor_(io), requests_(requests), options_(options) {
    acceptor_.assign(stream_protocol(), listening.release());
    accept();
}

ControlServer::~ControlServer() {
    for (const auto& client : clients_) client->orphan();
}

void ControlServer::stop_accepting() {
    asio::error_code ignored;
    acceptor_.close(ignored);
}

void ControlServer::accept() {
    acceptor_.async_accept([this](asio::error_code error, stream_protocol::socket socket) {
        if (error == asio::error::operation_aborted) return;
        if (!error) {
            add(std::move(socket));
            return accept();
        }
        // Out of descriptors or memory: the others go on, new ones wait in the backlog.
        base::log(base::LogLevel::Error, "accept: {}", error.message());
        auto pause = std::make_shared<asio::steady_timer>(io_, kAcceptPause);
        pause->async_wait([this, pause](asio::error_code stopped) {
            if (!stopped) accept();
        });
    });
}

void ControlServer::add(stream_protocol::socket socket) {
    if (clients_.size() >= kClientsMax) {
        const auto oldest =
            std::ranges::find_if(clients_, [](const auto& client) { return client->idle(); });
        // A copy keeps it alive while it takes itself out of the list.
        if (oldest != clients_.end()) std::shared_ptr(*oldest)->drop();
    }
    auto client = std::make_shared<Client>(*this, std::move(socket));
    clients_.insert(client);
    client->begin();
}

}  // namespace iscsi::iscsid

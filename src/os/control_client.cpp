// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/control_client.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace iscsi::os {

using base::ErrorCode;

base::Result<ControlClient> ControlClient::connect(UnixAddress address) {
    ISCSI_TRY(Fd socket, connect_unix(SocketKind::Stream, address));
    return ControlClient(std::move(socket));
}

base::Status ControlClient::send(std::string_view text) {
    while (!text.empty()) {
        const ssize_t sent = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EINTR) continue;
            // Refused before it was read to its end: the answer says why.
            if (errno == EPIPE) return {};
            return base::fail_errno(ErrorCode::DaemonCommunication, errno, "request to iscsid");
        }
        text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return {};
}

base::Result<bool> ControlClient::receive_more(Deadline deadline) {
    for (;;) {
        int wait_ms = -1;
        if (deadline) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(
                *deadline - std::chrono::steady_clock::now());
            if (left.count() <= 0) {
                return base::fail(ErrorCode::RequestTimedOut, "iscsid did not answer in time");
            }
            wait_ms = static_cast<int>(left.count());
        }
        pollfd readable{.fd = socket_.get(), .events = POLLIN, .revents = 0};
        if (::poll(&readable, 1, wait_ms) <= 0) continue;  // the deadline decides, EINTR is no end
        std::array<char, 16384> chunk;
        const ssize_t received = ::recv(socket_.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
        if (received == 0) return false;
        if (received > 0) {
            buffer_.append(chunk.data(), static_cast<std::size_t>(received));
            return true;
        }
        if (errno != EINTR && errno != EAGAIN) {
            return base::fail_errno(ErrorCode::DaemonCommunication, errno, "answer of iscsid");
        }
    }
}

namespace {

std::optional<std::chrono::steady_clock::time_point> deadline_of(
    std::optional<std::chrono::milliseconds> timeout) {
    if (!timeout) return std::nullopt;
    return std::chrono::steady_clock::now() + *timeout;
}

}  // namespace

base::Result<std::optional<std::string>> ControlClient::read_line(
    std::size_t bytes_max, std::optional<std::chrono::milliseconds> timeout) {
    const auto deadline = deadline_of(timeout);
    std::size_t searched = 0;
    for (;;) {
        const std::size_t end = buffer_.find('\n', searched);
        if (end != std::string::npos) {
            std::string line = buffer_.substr(0, end);
            buffer_.erase(0, end + 1);
            return std::optional(std::move(line));
        }
        searched = buffer_.size();
        if (buffer_.size() > bytes_max) {
            return base::fail(ErrorCode::DaemonCommunication,
                              "iscsid's answer has more than {} bytes", bytes_max);
        }
        ISCSI_TRY(const bool more, receive_more(deadline));
        if (more) continue;
        if (buffer_.empty()) return std::optional<std::string>{};
        return base::fail(ErrorCode::DaemonCommunication, "iscsid's answer ends in mid-line");
    }
}

base::Result<std::string> ControlClient::read_block(
    std::size_t count, std::optional<std::chrono::milliseconds> timeout) {
    const auto deadline = deadline_of(timeout);
    while (buffer_.size() < count) {
        ISCSI_TRY(const bool more, receive_more(deadline));
        if (!more) break;
    }
    std::string block = buffer_.substr(0, count);
    buffer_.erase(0, block.size());
    return block;
}

pid_t ControlClient::peer_pid() const {
    const auto peer = peer_credentials(socket_.get());
    return peer ? peer->pid : 0;
}

std::optional<uid_t> ControlClient::peer_uid() const {
    const auto peer = peer_credentials(socket_.get());
    return peer ? std::optional(peer->uid) : std::nullopt;
}

}  // namespace iscsi::os

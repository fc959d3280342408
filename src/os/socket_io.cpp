// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/socket_io.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace iscsi::os {

namespace {

using Vector = std::array<iovec, kIoSpansMax>;

template <class Span>
std::size_t fill(Vector& out, std::span<const Span> spans) {
    const std::size_t count = std::min(spans.size(), out.size());
    for (std::size_t i = 0; i < count; ++i) {
        out[i].iov_base = const_cast<std::byte*>(spans[i].data());  // sendmsg does not write to it
        out[i].iov_len = spans[i].size();
    }
    return count;
}

IoResult result_of(ssize_t count) {
    if (count > 0) return {.outcome = IoOutcome::Moved, .bytes = static_cast<std::size_t>(count)};
    if (count == 0) return {.outcome = IoOutcome::Closed};
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {.outcome = IoOutcome::WouldBlock};
    return {.outcome = IoOutcome::Failed, .error_number = errno};
}

}  // namespace

IoResult receive_into(int socket, std::span<const base::ByteSpan> spans) {
    Vector vector;
    msghdr message{};
    message.msg_iov = vector.data();
    message.msg_iovlen = fill(vector, spans);
    ssize_t count = 0;
    do {
        count = ::recvmsg(socket, &message, MSG_DONTWAIT);
    } while (count < 0 && errno == EINTR);
    return result_of(count);
}

IoResult send_from(int socket, std::span<const base::ConstByteSpan> spans) {
    Vector vector;
    msghdr message{};
    message.msg_iov = vector.data();
    message.msg_iovlen = fill(vector, spans);
    ssize_t count = 0;
    do {
        count = ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (count < 0 && errno == EINTR);
    return result_of(count);
}

void prepare_data_socket(int socket) {
    const int flags = ::fcntl(socket, F_GETFL);
    if (flags >= 0) (void)::fcntl(socket, F_SETFL, flags | O_NONBLOCK);
    const int on = 1;
    // Refused for sockets that are not TCP: nothing lost.
    (void)::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void reset_on_close(int socket) {
    const linger now{.l_onoff = 1, .l_linger = 0};
    (void)::setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace iscsi::os

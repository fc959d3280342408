// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/unix_socket.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>

namespace iscsi::os {
namespace {

using base::ErrorCode;

std::string own_name() {
    static int count = 0;
    return fmt::format("unix-socket-test-{}-{}", ::getpid(), ++count);
}

// Both ends of a connection over an abstract name.
struct Connection {
    Fd client;
    Fd server;
};
Connection connection(SocketKind kind) {
    const std::string name = own_name();
    const UnixAddress address{.name = name, .abstract = true};
    auto listening = listen_unix(kind, address, /*backlog=*/1);
    EXPECT_TRUE(listening);
    auto client = connect_unix(kind, address);
    EXPECT_TRUE(client);
    return {std::move(*client),
            Fd(::accept4(listening->get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK))};
}

TEST(UnixSocket, NobodyListeningIsToldFromOtherErrors) {
    const auto refused = connect_unix(SocketKind::Stream, {.name = own_name(), .abstract = true});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::DaemonNotConnected);

    const auto absent = connect_unix(SocketKind::Stream, {.name = "/nonexistent/socket"});
    ASSERT_FALSE(absent);
    EXPECT_EQ(absent.error().code, ErrorCode::DaemonNotConnected);
    EXPECT_EQ(absent.error().message, "/nonexistent/socket: No such file or directory");
}

TEST(UnixSocket, NamesThatDoNotFitAreRefused) {
    EXPECT_FALSE(connect_unix(SocketKind::Stream, {.name = ""}));
    EXPECT_FALSE(connect_unix(SocketKind::Stream, {.name = std::string(108, 'x')}));
    EXPECT_FALSE(
        listen_unix(SocketKind::Stream, {.name = std::string(108, 'x'), .abstract = true}, 1));
}

TEST(UnixSocket, ANameInUseIsRefused) {
    const std::string name = own_name();
    const UnixAddress address{.name = name, .abstract = true};
    const auto first = listen_unix(SocketKind::Stream, address, 1);
    ASSERT_TRUE(first);
    EXPECT_FALSE(listen_unix(SocketKind::Stream, address, 1));
}

TEST(UnixSocket, AStaleSocketFileIsReplaced) {
    std::string directory = "/tmp/unix-socket-test-XXXXXX";
    ASSERT_NE(::mkdtemp(directory.data()), nullptr);
    const std::string path = directory + "/s";
    {
        ASSERT_TRUE(listen_unix(SocketKind::Stream, {.name = path}, 1));
    }
    ASSERT_TRUE(std::filesystem::exists(path));
    const auto again = listen_unix(SocketKind::Stream, {.name = path}, 1);
    EXPECT_TRUE(again);
    EXPECT_TRUE(connect_unix(SocketKind::Stream, {.name = path}));
    std::filesystem::remove_all(directory);
}

TEST(UnixSocket, KnowsItsPeer) {
    const Connection pair = connection(SocketKind::Stream);
    const auto peer = peer_credentials(pair.server.get());
    ASSERT_TRUE(peer);
    EXPECT_EQ(peer->pid, ::getpid());
    EXPECT_EQ(peer->uid, ::geteuid());
    EXPECT_FALSE(peer_credentials(-1));
}

TEST(UnixSocket, MessagesKeepTheirBounds) {
    const Connection pair = connection(SocketKind::SeqPacket);
    ASSERT_TRUE(send_message(pair.client.get(), "one"));
    ASSERT_TRUE(send_message(pair.client.get(), "two"));
    EXPECT_EQ((*receive_message(pair.server.get(), 100))->text, "one");
    EXPECT_EQ((*receive_message(pair.server.get(), 100))->text, "two");
    const auto nothing = receive_message(pair.server.get(), 100);
    ASSERT_TRUE(nothing);
    EXPECT_FALSE(*nothing);
}

TEST(UnixSocket, AnOverlongMessageIsLostAndTheNextOneIsNot) {
    const Connection pair = connection(SocketKind::SeqPacket);
    ASSERT_TRUE(send_message(pair.client.get(), std::string(101, 'x')));
    ASSERT_TRUE(send_message(pair.client.get(), "next"));
    const auto lost = receive_message(pair.server.get(), 100);
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().code, ErrorCode::InvalidRequest);
    EXPECT_EQ((*receive_message(pair.server.get(), 100))->text, "next");
}

TEST(UnixSocket, TheEndOfTheConnectionIsAnError) {
    Connection pair = connection(SocketKind::SeqPacket);
    pair.client.reset();
    const auto ended = receive_message(pair.server.get(), 100);
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().code, ErrorCode::DaemonNotConnected);
}

TEST(UnixSocket, AFullSocketSaysAgain) {
    const Connection pair = connection(SocketKind::SeqPacket);
    base::Status sent;
    int count = 0;
    while (sent) {
        sent = send_message(pair.server.get(), std::string(4096, 'x'));
        ASSERT_LT(++count, 100'000);
    }
    EXPECT_EQ(sent.error().code, ErrorCode::Again);
}

TEST(UnixSocket, CargoArrivesAndIsCloseOnExec) {
    const Connection pair = connection(SocketKind::SeqPacket);
    std::array<int, 2> ends;
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const Fd read_end(ends[0]);
    Fd write_end(ends[1]);
    ASSERT_TRUE(send_message(pair.client.get(), "with cargo", write_end.get()));
    write_end.reset();
    const auto message = receive_message(pair.server.get(), 100);
    ASSERT_TRUE(message && *message);
    const int cargo = (*message)->cargo.get();
    ASSERT_GE(cargo, 0);
    EXPECT_NE(::fcntl(cargo, F_GETFD) & FD_CLOEXEC, 0);
    ASSERT_EQ(::write(cargo, "x", 1), 1);
    char byte = 0;
    EXPECT_EQ(::read(read_end.get(), &byte, 1), 1);
}

}  // namespace
}  // namespace iscsi::os

// SPDX-License-Identifier: LGPL-2.1-or-later
// Daemons of each layout, and some that are none, as a probe meets them.
#include "iscsiadm/foreign_daemon.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <thread>

#include "os/unix_socket.hpp"

namespace iscsi::iscsiadm {
namespace {

using base::ErrorCode;
using namespace std::chrono_literals;
namespace legacy = control::legacy;

void make_blocking(int socket) { ::fcntl(socket, F_SETFL, 0); }

// Does with each connection what it is told to, one after the other.
class FakeDaemon {
public:
    explicit FakeDaemon(std::function<void(int)> serve)
        : name_(fmt::format("iscsiadm-test-{}-{}", ::getpid(), ++count_)),
          serve_(std::move(serve)) {
        listening_ = std::move(*os::listen_unix(os::SocketKind::Stream, address(), /*backlog=*/32));
        make_blocking(listening_.get());
        thread_ = std::thread([this] { run(); });
    }
    ~FakeDaemon() {
        ::shutdown(listening_.get(), SHUT_RDWR);
        thread_.join();
    }
    base::Result<Peer> probe(Patience patience) const {
        const auto connect = [this] { return os::ControlClient::connect(address()); };
        return iscsiadm::probe(std::move(*connect()), connect, patience);
    }
    Connector connector() const {
        return [this] { return os::ControlClient::connect(address()); };
    }
    int served() const { return served_; }

private:
    os::UnixAddress address() const { return {.name = name_, .abstract = true}; }
    void run() {
        for (;;) {
            const auto client = os::accept_unix(listening_.get());
            if (!client) return;
            make_blocking(client->get());
            serve_(client->get());
            ++served_;
        }
    }

    static inline int count_ = 0;
    std::string name_;
    std::function<void(int)> serve_;
    os::Fd listening_;
    std::atomic<int> served_ = 0;
    std::thread thread_;
};

void reply(int client, const legacy::Reply& what) {
    const auto bytes = legacy::encode_reply(what);
    (void)::send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

// Reads as many bytes as its own request has, and answers whatever command they hold.
std::function<void(int)> daemon_of(std::size_t request_bytes, ErrorCode code = ErrorCode::Success) {
    return [request_bytes, code](int client) {
        std::vector<std::byte> bytes(request_bytes);
        const auto got = ::recv(client, bytes.data(), bytes.size(), MSG_WAITALL);
        if (got != static_cast<ssize_t>(bytes.size())) return;
        const auto command = std::to_integer<std::uint32_t>(bytes[0]);
        reply(client, {.command = legacy::Command(command), .code = code, .text = "/conf"});
    };
}

TEST(Probe, FindsOutTheLayoutOfEachRelease) {
    for (const auto version :
         {legacy::Version::V2_1_8, legacy::Version::V2_1_11, legacy::Version::Newest}) {
        const FakeDaemon daemon(daemon_of(legacy::request_bytes(version)));
        const auto peer = daemon.probe(std::nullopt);
        ASSERT_TRUE(peer) << peer.error().message;
        EXPECT_EQ(peer->foreign, version);
    }
}

TEST(Probe, KnowsOursByItsMarkAtTheFirstQuestion) {
    const FakeDaemon daemon([](int client) {
        reply(client, {.command = legacy::Command::ConfigFile, .speaks_json = true});
    });
    const auto peer = daemon.probe(std::nullopt);
    ASSERT_TRUE(peer);
    EXPECT_FALSE(peer->foreign);
    EXPECT_LE(daemon.served(), 1);
}

TEST(Probe, ALayoutOfTheFutureEndsWithItsPatience) {
    const FakeDaemon daemon(daemon_of(legacy::kRequestBytesMax + 8));
    const auto peer = daemon.probe(100ms);
    ASSERT_FALSE(peer);
    EXPECT_EQ(peer.error().code, ErrorCode::RequestTimedOut);
}

TEST(Probe, ARefusalIsToldAsWhatItIs) {
    const FakeDaemon daemon([](int client) { reply(client, {.code = ErrorCode::Access}); });
    EXPECT_EQ(daemon.probe(std::nullopt).error().code, ErrorCode::Access);
}

TEST(Probe, WhoeverClosesOrTalksNonsenseIsNoDaemon) {
    const FakeDaemon closing([](int) {});
    EXPECT_EQ(closing.probe(std::nullopt).error().code, ErrorCode::DaemonCommunication);
    const FakeDaemon talking(
        [](int client) { (void)::send(client, "HTTP/1.0 400 Bad Request\r\n", 26, MSG_NOSIGNAL); });
    EXPECT_EQ(talking.probe(std::nullopt).error().code, ErrorCode::DaemonCommunication);
}

TEST(ForeignDaemon, TellsOfEachItemAndTheFirstError) {
    const FakeDaemon daemon(
        daemon_of(legacy::request_bytes(legacy::Version::V2_1_8), ErrorCode::SessionNotFound));
    ForeignDaemon foreign(legacy::Version::V2_1_8, daemon.connector());
    std::vector<control::ItemDone> items;
    const auto done = foreign.ask(
        control::Logout{.sids = {4, 5}}, std::nullopt,
        [&](const control::Answer& a) { items.push_back(std::get<control::ItemDone>(a)); });

    ASSERT_TRUE(done);
    EXPECT_EQ(done->code, ErrorCode::SessionNotFound);
    ASSERT_EQ(items.size(), 2U);
    EXPECT_EQ(items[1].sid, 5U);
    EXPECT_EQ(items[1].code, ErrorCode::SessionNotFound);
}

// More than its fields hold: nothing is sent, nothing is cut.
TEST(ForeignDaemon, ARecordThatDoesNotFitIsRefusedByName) {
    const FakeDaemon daemon(daemon_of(legacy::request_bytes(legacy::Version::V2_1_8)));
    ForeignDaemon foreign(legacy::Version::V2_1_8, daemon.connector());
    control::LoginItem item;
    item.node.name = "iqn.x:disk";
    item.node.iface.transport_name = std::string(16, 'x');
    const auto done =
        foreign.ask(control::Login{.items = {item}}, std::nullopt, [](const auto&) {});

    ASSERT_TRUE(done);
    EXPECT_EQ(done->code, ErrorCode::Invalid);
    EXPECT_TRUE(done->message.contains("iqn.x:disk")) << done->message;
    EXPECT_EQ(daemon.served(), 0);
}

}  // namespace
}  // namespace iscsi::iscsiadm

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "userd/control_server.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <sys/socket.h>
#include <array>
#include <cstdlib>

#include "os/clock.hpp"
#include "os/unix_socket.hpp"

namespace iscsi::userd {
namespace {

using namespace std::chrono_literals;
using userlink::Role;

// The server accepts root only, and tests may run as somebody else.
class ControlServerTest : public testing::Test, public ControlListener {
protected:
    void SetUp() override {
        if (::getuid() != 0) GTEST_SKIP() << "only root may talk to the server";
        std::array<char, 40> name{"/tmp/control_server.XXXXXX"};
        directory_ = ::mkdtemp(name.data());
        path_ = directory_ + "/s.sock";
        auto listening = os::listen_unix(os::SocketKind::SeqPacket, {.name = path_}, 4);
        ASSERT_TRUE(listening.has_value()) << listening.error().message;
        auto epoll = os::Epoll::create();
        ASSERT_TRUE(epoll.has_value());
        epoll_.emplace(std::move(*epoll));
        server_.emplace(std::move(*listening), *epoll_, /*first_token=*/100, *this);
        ASSERT_TRUE(server_->start().has_value());
    }
    void TearDown() override {
        server_.reset();
        ::unlink(path_.c_str());
        ::rmdir(directory_.c_str());
    }
    void on_request(ClientId client, const userlink::Request& request, os::Fd cargo) override {
        requests_.push_back(request);
        last_client_ = client;
        got_cargo_ = static_cast<bool>(cargo);
    }
    // Lets the server work until there is nothing to do.
    void turn() {
        while (true) {
            const auto ready = epoll_->wait(os::now());
            if (ready.empty()) return;
            for (const auto& one : ready) server_->on_ready(one);
        }
    }
    os::Fd connect() {
        auto socket = os::connect_unix(os::SocketKind::SeqPacket, {.name = path_});
        EXPECT_TRUE(socket.has_value());
        return socket ? std::move(*socket) : os::Fd();
    }
    // nullopt: the server closed the connection or says nothing.
    std::optional<userlink::FromUserd> exchange(const os::Fd& socket, std::string_view text) {
        EXPECT_TRUE(os::send_message(socket.get(), text).has_value());
        turn();
        return next(socket);
    }
    std::optional<userlink::FromUserd> next(const os::Fd& socket) {
        // The server has already answered, or closed, or never will.
        ::timeval none{.tv_sec = 0, .tv_usec = 1};
        ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
        const auto message = os::receive_message(socket.get(), userlink::kMessageBytesMax);
        if (!message || !*message) return std::nullopt;
        auto decoded = userlink::decode_from_userd((*message)->text);
        EXPECT_TRUE(decoded.has_value());
        return decoded ? std::optional(*decoded) : std::nullopt;
    }
    std::optional<base::ErrorCode> refusal(const os::Fd& socket, const userlink::Request& request) {
        const auto answer = exchange(socket, encode(request));
        if (!answer) return std::nullopt;
        const auto& body = std::get<userlink::Answer>(*answer).body;
        const auto* failure = std::get_if<userlink::Failure>(&body);
        return failure != nullptr ? failure->code : base::ErrorCode::Success;
    }

    std::string directory_;
    std::string path_;
    std::optional<os::Epoll> epoll_;
    std::optional<ControlServer> server_;
    std::vector<userlink::Request> requests_;
    ClientId last_client_ = 0;
    bool got_cargo_ = false;
};

const userlink::Request kControl{1, userlink::Hello{.role = Role::Controller}};
const userlink::Request kObserve{1, userlink::Hello{.role = Role::Observer}};

TEST_F(ControlServerTest, TheFirstRequestIsHello) {
    const auto client = connect();
    EXPECT_EQ(refusal(client, {1, userlink::Rescan{}}), base::ErrorCode::InvalidRequest);
    EXPECT_EQ(refusal(client, kControl), base::ErrorCode::Success);
    EXPECT_TRUE(requests_.empty());
}

TEST_F(ControlServerTest, ThereIsOneControllerAtATime) {
    auto first = connect();
    const auto second = connect();
    ASSERT_EQ(refusal(first, kControl), base::ErrorCode::Success);
    EXPECT_EQ(refusal(second, kControl), base::ErrorCode::Busy);

    first.reset();
    turn();

    EXPECT_FALSE(server_->has_controller());
    EXPECT_EQ(refusal(second, kControl), base::ErrorCode::Success);
}

TEST_F(ControlServerTest, ObserversMayOnlyLook) {
    const auto client = connect();
    ASSERT_EQ(refusal(client, kObserve), base::ErrorCode::Success);

    EXPECT_EQ(refusal(client, {2, userlink::Stop{}}), base::ErrorCode::Access);
    EXPECT_EQ(exchange(client, encode(userlink::Request{3, userlink::GetStats{}})), std::nullopt);

    ASSERT_EQ(requests_.size(), 1u);
    server_->answer(last_client_, {3, userlink::Stats{.txdata_octets = 9}});
    const auto answer = next(client);
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(std::get<userlink::Answer>(*answer),
              (userlink::Answer{3, userlink::Stats{.txdata_octets = 9}}));
}

TEST_F(ControlServerTest, DescriptorsComeAlong) {
    const auto client = connect();
    ASSERT_EQ(refusal(client, kControl), base::ErrorCode::Success);
    const auto text = encode(userlink::Request{2, userlink::Bind{}});
    ASSERT_TRUE(os::send_message(client.get(), text, STDIN_FILENO).has_value());
    turn();
    EXPECT_EQ(requests_.size(), 1u);
    EXPECT_TRUE(got_cargo_);
}

TEST_F(ControlServerTest, EventsGoToTheControllerOnly) {
    const auto controller = connect();
    const auto observer = connect();
    ASSERT_EQ(refusal(controller, kControl), base::ErrorCode::Success);
    ASSERT_EQ(refusal(observer, kObserve), base::ErrorCode::Success);

    server_->send_event(userlink::RecoveryTimeout{});

    EXPECT_EQ(next(observer), std::nullopt);
    EXPECT_EQ(next(controller), userlink::FromUserd{userlink::Event{userlink::RecoveryTimeout{}}});
}

TEST_F(ControlServerTest, NonsenseIsRefusedOrEndsTheConnection) {
    const auto client = connect();
    const auto answer = exchange(client, R"({"id":7,"request":"dance"})");
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(std::get<userlink::Answer>(*answer).id, 7u);

    EXPECT_EQ(exchange(client, "nonsense"), std::nullopt);
    EXPECT_FALSE(os::send_message(client.get(), encode(kControl)).has_value()) << "it was closed";
}

TEST_F(ControlServerTest, AControllerThatDoesNotReadIsCutOff) {
    const auto client = connect();
    ASSERT_EQ(refusal(client, kControl), base::ErrorCode::Success);
    const userlink::DevicesChanged news{std::string(10'000, 'x')};

    for (int i = 0; i < 2000 && server_->has_controller(); ++i) {
        server_->send_event(news);
        turn();
    }

    EXPECT_FALSE(server_->has_controller());
    EXPECT_TRUE(server_->flushed());
}

}  // namespace
}  // namespace iscsi::userd

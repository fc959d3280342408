// SPDX-License-Identifier: LGPL-2.1-or-later
// Where a session connects to, and whom it asks: real sockets, a data path without data, a name
// service of the test's own.
#include "iscsid/session.hpp"

#include <gtest/gtest.h>

#include <asio/ip/tcp.hpp>
#include <atomic>
#include <future>

#include "iscsid/testing/fake_data_path.hpp"
#include "os/random.hpp"

namespace iscsi::iscsid {
namespace {

using asio::ip::tcp;
constexpr std::chrono::seconds kPatience{20};  // only a failure takes that long

class World {
public:
    World() {
        path_.set_event_handler([this](datapath::SessionKey, const session::DataPathEvent& event) {
            session_->on_data_path(event);
        });
    }
    ~World() { silence_.set_value(); }

    // From here on nobody answers a question for a name.
    void silence_name_service() { *silent_ = true; }
    int lookups() const { return *lookups_; }

    Session& make_session(std::string address) {
        datapath::SessionSpec spec{.node = {}, .initiator_name = "iqn.x:me", .transport = "tcp"};
        spec.node.name = "iqn.x:disk";
        spec.node.conn[0].address = std::move(address);
        spec.node.conn[0].port = target_.local_endpoint().port();
        spec.node.session.iscsi.default_time2wait = 0;
        session_ =
            std::make_unique<Session>(around_, path_, datapath::SessionKey{1}, std::move(spec));
        return *session_;
    }

    // Waits until the session has connected, and closes that connection.
    void drop_next_connection() {
        bool accepted = false;
        target_.async_accept([&](asio::error_code error, const tcp::socket&) {
            EXPECT_FALSE(error) << error.message();
            accepted = true;
        });
        const auto limit = std::chrono::steady_clock::now() + kPatience;
        while (!accepted && std::chrono::steady_clock::now() < limit) {
            io_.run_one_for(std::chrono::milliseconds(100));
        }
        EXPECT_TRUE(accepted) << "the session does not connect";
        if (!accepted) target_.close();
        io_.poll();
    }

private:
    Resolver::LookUp look_up() {
        return [over = over_, silent = silent_,
                lookups = lookups_](const std::string&) -> base::Result<Addresses> {
            ++*lookups;
            if (*silent) over.wait();
            return Addresses{asio::ip::make_address("127.0.0.1")};
        };
    }

    // With the threads of the resolver, which may outlive the test.
    std::promise<void> silence_;
    std::shared_future<void> over_ = silence_.get_future().share();
    std::shared_ptr<std::atomic<bool>> silent_ = std::make_shared<std::atomic<bool>>(false);
    std::shared_ptr<std::atomic<int>> lookups_ = std::make_shared<std::atomic<int>>(0);

    asio::io_context io_;
    tcp::acceptor target_{io_, {asio::ip::make_address("127.0.0.1"), 0}};
    Resolver resolver_{io_, look_up()};
    os::SystemRandom random_;
    Surroundings around_{io_, resolver_, random_};
    testing::FakeDataPath path_{io_};
    std::unique_ptr<Session> session_;
};

TEST(Session, AsksForANameOnce) {
    World world;
    world.make_session("stor.test").begin("here", [](base::ErrorCode, const std::string&) {});
    world.drop_next_connection();
    world.silence_name_service();

    world.drop_next_connection();

    EXPECT_EQ(world.lookups(), 1);
}

TEST(Session, GoesBackToWhereItWasWithoutTheNameService) {
    World world;
    world.silence_name_service();
    datapath::Adoptable running;
    running.sid = 7;
    running.generation = 3;
    running.current_address = "127.0.0.1";

    world.make_session("stor.test").adopt(running);

    world.drop_next_connection();
    EXPECT_EQ(world.lookups(), 0);
}

TEST(Session, AsksNobodyForANumber) {
    World world;
    world.make_session("127.0.0.1").begin("here", [](base::ErrorCode, const std::string&) {});

    world.drop_next_connection();

    EXPECT_EQ(world.lookups(), 0);
}

}  // namespace
}  // namespace iscsi::iscsid

// SPDX-License-Identifier: LGPL-2.1-or-later
// An iscsid for tests of its control socket: a real socket, two sessions, a data path without data.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "iscsid/control_server.hpp"
#include "iscsid/testing/fake_data_path.hpp"
#include "os/control_client.hpp"
#include "os/random.hpp"

namespace iscsi::iscsid::testing {

inline constexpr std::chrono::seconds kPatience{20};  // only a failure takes that long

inline datapath::Adoptable running_session(std::uint64_t sid, const std::string& target) {
    datapath::Adoptable session;
    session.sid = sid;
    session.spec.node.name = target;
    session.spec.node.conn[0].address = "192.0.2.7";
    session.spec.node.session.auth.password = base::Secret("very secret");
    session.spec.initiator_name = "iqn.x:init";
    session.spec.transport = "tcp";
    session.logged_in = true;
    session.generation = 3;
    return session;
}

// An iscsid of its own, in a thread, under an abstract name of its own.
class Server {
public:
    explicit Server(datapath::RescanDone scan) : Server() { path_.scan = std::move(scan); }
    explicit Server(std::uint32_t allowed_uid = ::geteuid())
        : name_(fmt::format("iscsid-test-{}-{}", ::getpid(), ++count_)), path_(io_) {
        path_.running = {running_session(7, "iqn.x:one"), running_session(8, "iqn.x:two")};
        registry_.set_settings({.initiator_name = "iqn.x:init", .initiator_alias = "here"});
        auto listening = os::listen_unix(os::SocketKind::Stream, {.name = name_, .abstract = true},
                                         /*backlog=*/1024);
        EXPECT_TRUE(listening);
        std::promise<void> ready;
        registry_.adopt_running(path_, [&](std::size_t) {
            server_ = std::make_unique<ControlServer>(
                io_, std::move(*listening), requests_,
                ControlServer::Options{.allowed_uid = allowed_uid,
                                       .fixed_request_time = std::chrono::seconds(1)});
            ready.set_value();
        });
        thread_ = std::thread([this] { io_.run(); });
        ready.get_future().wait();
    }
    ~Server() {
        io_.stop();
        thread_.join();
    }

    os::ControlClient connect() const {
        auto client = os::ControlClient::connect({.name = name_, .abstract = true});
        EXPECT_TRUE(client);
        return std::move(*client);
    }
    os::Fd connect_raw() const {
        auto socket = os::connect_unix(os::SocketKind::Stream, {.name = name_, .abstract = true});
        EXPECT_TRUE(socket);
        return std::move(*socket);
    }
    // Waits for it: the answer to the request is sent before.
    bool was_stopped() {
        return stopped_.get_future().wait_for(kPatience) == std::future_status::ready;
    }

private:
    static inline int count_ = 0;
    std::string name_;
    asio::io_context io_;
    Resolver resolver_{io_};
    os::SystemRandom random_;
    Surroundings around_{io_, resolver_, random_};
    FakeDataPath path_;
    Registry registry_{around_, path_, [](const std::string&) -> base::Result<datapath::DataPath*> {
                           return base::fail(base::ErrorCode::TransportNotFound, "no kernel");
                       }};
    std::promise<void> stopped_;
    Requests requests_{registry_,
                       {.stop = [this] { stopped_.set_value(); },
                        .config_file = "/conf",
                        .initiatorname_file = "/name"}};
    std::unique_ptr<ControlServer> server_;
    std::thread thread_;
};

}  // namespace iscsi::iscsid::testing

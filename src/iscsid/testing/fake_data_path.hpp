// SPDX-License-Identifier: LGPL-2.1-or-later
// A data path without data, for tests: every verb succeeds, from the event loop.
#pragma once

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <map>
#include <utility>

#include "datapath/data_path.hpp"

namespace iscsi::iscsid::testing {

class FakeDataPath final : public datapath::DataPath {
public:
    explicit FakeDataPath(asio::io_context& io) : io_(io) {}

    // Before the event loop runs: what an earlier iscsid has left.
    std::vector<datapath::Adoptable> running;
    // What every scan finds.
    datapath::RescanDone scan{
        .luns = 1, .devices = 1, .problems = {}, .failures = {}, .missing = {}, .remarks = {}};

    std::string_view name() const override { return "fake"; }
    void set_event_handler(datapath::EventHandler handler) override {
        on_event_ = std::move(handler);
    }
    void create(datapath::SessionKey key, datapath::SessionSpec) override {
        later(key, session::Created{next_sid_++});
    }
    void start(datapath::SessionKey key, datapath::LoggedInConnection connection) override {
        later(key, session::Started{connection.generation});
    }
    void stop(datapath::SessionKey key, datapath::StopMode mode) override {
        if (mode == datapath::StopMode::Terminate) later(key, session::Gone{"terminated"});
    }
    void logout(datapath::SessionKey key, std::chrono::seconds) override {
        later(key, session::LogoutDone{});
        later(key, session::Gone{"logged out"});
    }
    void logout_connection(datapath::SessionKey, std::chrono::seconds) override {}
    void update(datapath::SessionKey, datapath::SessionSpec) override {}
    void rescan(datapath::SessionKey, datapath::Handler<datapath::RescanDone> done) override {
        asio::post(io_, [this, done = std::move(done)] { done(scan); });
    }
    void stats(datapath::SessionKey, datapath::Handler<datapath::Stats> done) override {
        asio::post(io_, [done = std::move(done)] {
            done(datapath::Stats{.counters = {{"txdata_octets", 5}}, .extended = {}});
        });
    }
    void status(datapath::SessionKey, datapath::Handler<datapath::SessionStatus> done) override {
        asio::post(io_, [done = std::move(done)] {
            done(datapath::SessionStatus{
                .state = "LOGGED_IN",
                .host_no = 0,
                .luns = {{.lun = 1, .block_device = "loop9", .state = "running"}}});
        });
    }
    void find_running(std::function<void(std::vector<datapath::Adoptable>)> done) override {
        asio::post(io_, [this, done = std::move(done)] { done(running); });
    }
    void take(datapath::SessionKey, std::uint64_t) override {}

private:
    void later(datapath::SessionKey key, session::DataPathEvent event) {
        asio::post(io_, [this, key, event = std::move(event)] { on_event_(key, event); });
    }

    asio::io_context& io_;
    datapath::EventHandler on_event_;
    std::uint64_t next_sid_ = 100;
};

}  // namespace iscsi::iscsid::testing

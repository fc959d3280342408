// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsid/resolver.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>

namespace iscsi::iscsid {
namespace {

constexpr std::chrono::seconds kPatience{20};  // only a failure takes that long

const Addresses kHere{asio::ip::make_address("127.0.0.1")};

// A name service that says nothing about "silent..." before the test is over.
class NameService {
public:
    ~NameService() { silence_.set_value(); }
    Resolver::LookUp look_up() {
        return [over = over_, asked = asked_](const std::string& host) -> base::Result<Addresses> {
            ++*asked;
            if (host.starts_with("silent")) over.wait();
            if (host == "unknown") return base::fail(base::ErrorCode::Transport, "no such host");
            return kHere;
        };
    }
    int asked() const { return *asked_; }

private:
    std::promise<void> silence_;
    std::shared_future<void> over_ = silence_.get_future().share();
    // With the threads, which may outlive the test.
    std::shared_ptr<std::atomic<int>> asked_ = std::make_shared<std::atomic<int>>(0);
};

void run_until(asio::io_context& io, const std::function<bool()>& done) {
    const auto work = asio::make_work_guard(io);
    const auto limit = std::chrono::steady_clock::now() + kPatience;
    while (!done() && std::chrono::steady_clock::now() < limit) {
        io.run_one_for(std::chrono::milliseconds(100));
    }
    EXPECT_TRUE(done());
}

TEST(Resolver, TellsWhatTheNameServiceSays) {
    NameService service;
    asio::io_context io;
    Resolver resolver(io, service.look_up());
    std::vector<base::Result<Addresses>> answers;
    for (const char* host : {"stor.test", "unknown"}) {
        resolver.resolve(host, [&](const auto& found) { answers.push_back(found); });
    }
    EXPECT_TRUE(answers.empty()) << "handlers are called from the event loop";

    run_until(io, [&] { return answers.size() == 2; });

    std::ranges::sort(answers, {}, [](const auto& answer) { return answer.has_value(); });
    EXPECT_EQ(answers[0].error().message, "no such host");
    EXPECT_EQ(answers[1].value(), kHere);
}

TEST(Resolver, ASilentNameDelaysNoOther) {
    NameService service;
    asio::io_context io;
    Resolver resolver(io, service.look_up());
    for (std::size_t i = 0; i + 1 < kLookupsMax; ++i) {
        resolver.resolve(fmt::format("silent{}", i), [](const auto&) {});
    }
    int answers = 0;
    for (int i = 0; i < 10; ++i) {
        resolver.resolve(fmt::format("stor{}.test", i), [&](const auto&) { ++answers; });
    }

    run_until(io, [&] { return answers == 10; });
}

TEST(Resolver, AsksOnceForAllWhoWantToKnow) {
    NameService service;
    asio::io_context io;
    auto resolver = std::make_unique<Resolver>(io, service.look_up());
    for (int i = 0; i < 1000; ++i) resolver->resolve("silent", [](const auto&) {});
    bool answered = false;
    resolver->resolve("stor.test", [&](const auto&) { answered = true; });

    run_until(io, [&] { return answered && service.asked() == 2; });
}

TEST(Resolver, EndsWhileANameIsBeingLookedUp) {
    asio::io_context io;
    bool answered = false;
    {
        NameService service;
        Resolver resolver(io, service.look_up());
        resolver.resolve("silent", [&](const auto&) { answered = true; });
        resolver.resolve("stor.test", [&](const auto&) { answered = true; });
    }

    io.run();

    EXPECT_FALSE(answered);
}

TEST(Resolver, KnowsNumbers) {
    EXPECT_EQ(numeric_address("192.0.2.7"), asio::ip::make_address("192.0.2.7"));
    EXPECT_EQ(numeric_address("fe80::1%lo")->to_string(), "fe80::1%lo");
    EXPECT_EQ(numeric_address("stor.test"), std::nullopt);
    EXPECT_EQ(look_up("127.0.0.1").value(), kHere);
}

}  // namespace
}  // namespace iscsi::iscsid

// SPDX-License-Identifier: LGPL-2.1-or-later
// The user data path against a process that speaks iscsi-userd's protocol: the process is a shell
// script that waits, its socket is served by the test.
#include "datapath/user/user_data_path.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "os/unix_socket.hpp"
#include "record/text.hpp"
#include "userlink/messages.hpp"

namespace iscsi::datapath {
namespace {

using base::ErrorCode;
using namespace std::chrono_literals;

constexpr auto kPatience = 20s;  // only a failure takes that long

// Serves one connection at `path`; answers each request as `reply` says, by default with Done.
class Userd {
public:
    using Reply = std::function<std::optional<AnswerBody>(const RequestBody&)>;

    explicit Userd(const std::string& path, Reply reply = {}) : reply_(std::move(reply)) {
        auto listening = os::listen_unix(os::SocketKind::SeqPacket, {.name = path}, /*backlog=*/4);
        EXPECT_TRUE(listening);
        listening_ = std::move(*listening);
        ::fcntl(listening_.get(), F_SETFL, 0);
        thread_ = std::thread([this] { serve(); });
    }
    ~Userd() {
        hang_up();
        thread_.join();
    }

    void hang_up() {
        ::shutdown(listening_.get(), SHUT_RDWR);
        const std::lock_guard lock(mutex_);
        if (socket_) ::shutdown(socket_.get(), SHUT_RDWR);
    }
    void send(const std::string& text) {
        const std::lock_guard lock(mutex_);
        EXPECT_TRUE(os::send_message(socket_.get(), text));
    }
    void send(const userlink::Event& event) { send(userlink::encode(event)); }

    template <class T>
    std::vector<T> received() {
        const std::lock_guard lock(mutex_);
        std::vector<T> out;
        for (const RequestBody& body : requests_) {
            if (const auto* found = std::get_if<T>(&body)) out.push_back(*found);
        }
        return out;
    }
    std::vector<std::size_t> kinds() {
        const std::lock_guard lock(mutex_);
        std::vector<std::size_t> out;
        out.reserve(requests_.size());
        for (const RequestBody& body : requests_) out.push_back(body.index());
        return out;
    }
    bool has_cargo() {
        const std::lock_guard lock(mutex_);
        return static_cast<bool>(cargo_);
    }

private:
    void serve() {
        os::Fd socket(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!socket) return;
        const int number = socket.get();
        {
            const std::lock_guard lock(mutex_);
            socket_ = std::move(socket);
        }
        for (;;) {
            auto message = os::receive_message(number, userlink::kMessageBytesMax);
            if (!message || !*message) return;
            auto request = userlink::decode_request((*message)->text);
            ASSERT_TRUE(request) << request.error().message;
            auto answer = reply_ ? reply_(request->body) : AnswerBody{userlink::Done{}};
            const std::lock_guard lock(mutex_);
            if ((*message)->cargo) cargo_ = std::move((*message)->cargo);
            requests_.push_back(request->body);
            if (!answer) continue;
            EXPECT_TRUE(os::send_message(
                number, userlink::encode(userlink::Answer{request->id, std::move(*answer)})));
        }
    }

    Reply reply_;
    os::Fd listening_;
    std::mutex mutex_;
    os::Fd socket_;
    os::Fd cargo_;
    std::vector<RequestBody> requests_;
    std::thread thread_;
};

class UserDataPathTest : public ::testing::Test {
protected:
    void SetUp() override {
        std::string name = "/tmp/user-data-path-XXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        rundir = name;
        std::filesystem::create_directory(rundir + "/userd");
        std::ofstream(program()) << "#!/bin/sh\n"
                                    "[ \"$1\" = --clean ] && { echo >" +
                                        rundir +
                                        "/cleaned; exit; }\n"
                                        "echo $$ >" +
                                        rundir +
                                        "/pid\n"
                                        "exec sleep 1000\n";
        ::chmod(program().c_str(), 0700);
        path.emplace(io, UserDataPath::Options{.rundir = rundir,
                                               .program = program(),
                                               .patience = {.question = 10ms, .answer = 1s}});
        path->set_event_handler([this](SessionKey, session::DataPathEvent event) {
            events.push_back(std::move(event));
        });
    }
    void TearDown() override {
        kill_process();
        path.reset();
        std::filesystem::remove_all(rundir);
    }

    std::string program() const { return rundir + "/userd-stand-in"; }
    std::string socket(std::uint64_t sid = kFirstUserSid) const {
        return userlink::socket_path(rundir, sid);
    }
    std::string record_file() const {
        return fmt::format("{}/userd/{}.record", rundir, kFirstUserSid);
    }

    static SessionSpec spec() {
        SessionSpec spec{.node = {}, .initiator_name = "iqn.x:init", .transport = "tcp"};
        spec.node.name = "iqn.x:disk";
        spec.node.conn[0].address = "192.0.2.7";
        spec.node.session.auth.username = "user";
        spec.node.session.auth.password = base::Secret("very secret");
        return spec;
    }

    template <class Predicate>
    bool run_until(Predicate done) {
        const auto limit = std::chrono::steady_clock::now() + kPatience;
        while (!done() && std::chrono::steady_clock::now() < limit) {
            io.restart();
            io.run_one_for(10ms);
        }
        return done();
    }
    template <class T>
    std::optional<T> last() const {
        for (auto e = events.rbegin(); e != events.rend(); ++e) {
            if (const auto* found = std::get_if<T>(&*e)) return *found;
        }
        return std::nullopt;
    }
    template <class T>
    bool wait_for() {
        return run_until([this] { return last<T>().has_value(); });
    }

    void create() {
        path->create(key, spec());
        ASSERT_TRUE(wait_for<session::Created>());
    }
    void start(std::uint64_t generation = 1) {
        path->start(key, {.socket = os::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
                          .generation = generation,
                          .login = {},
                          .current_address = "192.0.2.7",
                          .current_port = 3260,
                          .local_address = "192.0.2.1"});
    }
    void create_and_start() {
        create();
        start();
        ASSERT_TRUE(wait_for<session::Started>());
        ASSERT_TRUE(run_until([this] { return std::filesystem::exists(rundir + "/pid"); }));
    }
    static std::optional<AnswerBody> no_answer_to_questions(const RequestBody& body) {
        const bool question = std::holds_alternative<userlink::Rescan>(body) ||
                              std::holds_alternative<userlink::GetStats>(body) ||
                              std::holds_alternative<userlink::GetStatus>(body);
        return question ? std::nullopt : std::optional<AnswerBody>(userlink::Done{});
    }
    struct Asked {
        std::vector<ErrorCode> codes;  // of the answers, as they came
        std::function<void()> then = [] {};
    };
    void ask_everything(Asked& asked) {
        const auto note = [&asked](const auto& result) {
            asked.codes.push_back(result ? ErrorCode::Success : result.error().code);
            asked.then();
        };
        path->rescan(key, note);
        path->stats(key, note);
        path->status(key, note);
    }
    // It stays in the process table, for its watch.
    void kill_and_await_process() {
        pid_t pid = 0;
        ASSERT_TRUE(std::ifstream(rundir + "/pid") >> pid);
        ::kill(pid, SIGKILL);
        siginfo_t info{};
        ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT), 0);
    }
    void kill_process() {
        pid_t pid = 0;
        if (std::ifstream(rundir + "/pid") >> pid) ::kill(pid, SIGKILL);
    }

    std::string rundir;
    asio::io_context io;
    std::optional<UserDataPath> path;
    std::vector<session::DataPathEvent> events;
    const SessionKey key{5};
};

TEST_F(UserDataPathTest, StartsAProcessAndHandsTheSocketOver) {
    Userd userd(socket());
    create_and_start();

    EXPECT_EQ(last<session::Created>()->sid, kFirstUserSid);
    EXPECT_EQ(last<session::Started>()->generation, 1U);
    // Hello, Configure, Bind.
    EXPECT_EQ(userd.kinds(), (std::vector<std::size_t>{0, 1, 2}));
    EXPECT_EQ(userd.received<userlink::Hello>()[0].role, userlink::Role::Controller);
    EXPECT_TRUE(userd.has_cargo());
    EXPECT_EQ(userd.received<userlink::Bind>()[0].binding.local_address, "192.0.2.1");
}

TEST_F(UserDataPathTest, SecretsStayOnThisSide) {
    Userd userd(socket());
    create_and_start();

    const auto config = userd.received<userlink::Configure>()[0].config;
    EXPECT_EQ(config.target, "iqn.x:disk");
    EXPECT_TRUE(config.record.contains("node.session.auth.username = user"));
    EXPECT_FALSE(config.record.contains("very secret"));
    struct stat info{};
    ASSERT_EQ(::stat(record_file().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST_F(UserDataPathTest, WaitsForASocketThatComesLater) {
    create();
    start();
    ASSERT_TRUE(run_until([this] { return std::filesystem::exists(rundir + "/pid"); }));
    EXPECT_FALSE(last<session::Started>());

    const Userd userd(socket());

    EXPECT_TRUE(wait_for<session::Started>());
}

TEST_F(UserDataPathTest, ASecondConnectionGoesToTheSameProcess) {
    Userd userd(socket());
    create_and_start();
    path->stop(key, StopMode::Recover);
    start(/*generation=*/2);
    ASSERT_TRUE(run_until([this] { return last<session::Started>()->generation == 2; }));

    EXPECT_EQ(userd.received<userlink::Stop>().size(), 1U);
    EXPECT_EQ(userd.received<userlink::Bind>().size(), 2U);
    EXPECT_EQ(userd.received<userlink::Configure>().size(), 1U);
}

TEST_F(UserDataPathTest, ARefusedConnectionIsReportedWithItsReason) {
    const Userd userd(socket(), [](const RequestBody& body) -> std::optional<AnswerBody> {
        if (!std::holds_alternative<userlink::Bind>(body)) return userlink::Done{};
        return userlink::Failure{ErrorCode::Busy, "no room"};
    });
    create();
    start();
    ASSERT_TRUE(wait_for<session::StartFailed>());

    EXPECT_EQ(*last<session::StartFailed>(), (session::StartFailed{1, ErrorCode::Busy, "no room"}));
}

TEST_F(UserDataPathTest, PassesEventsOn) {
    Userd userd(socket());
    create_and_start();
    userd.send("no JSON");
    userd.send(R"({"event":"unheard of"})");
    userd.send(userlink::ConnectionError{1, 22, "ping"});
    userd.send(userlink::AsyncMessage{.generation = 1, .event = 2, .parameter2 = 30});
    userd.send(userlink::LogoutDone{.generation = 1, .responded = true, .response = 3});
    userd.send(userlink::DevicesChanged{"capacity"});
    userd.send(userlink::RecoveryTimeout{});
    ASSERT_TRUE(wait_for<session::RecoveryTimeout>());

    EXPECT_EQ(*last<session::ConnectionError>(), (session::ConnectionError{1, 22, "ping"}));
    EXPECT_EQ(last<session::AsyncMessage>()->parameter2, 30);
    EXPECT_EQ(last<session::ConnectionLogoutDone>()->response, 3);
    EXPECT_EQ(last<session::DevicesChanged>()->reason, "capacity");
}

TEST_F(UserDataPathTest, ALogoutIsOverWhenTheProcessHasEnded) {
    Userd userd(socket());
    create_and_start();
    path->logout(key, 7s);
    ASSERT_TRUE(wait_for<session::LogoutDone>());
    EXPECT_EQ(userd.received<userlink::Logout>()[0].timeout_s, 7U);
    userd.send(userlink::Terminated{"logged out"});
    userd.hang_up();
    io.restart();
    io.run_for(50ms);
    EXPECT_FALSE(last<session::Gone>());

    kill_process();
    ASSERT_TRUE(wait_for<session::Gone>());

    EXPECT_EQ(last<session::Gone>()->reason, "logged out");
    EXPECT_FALSE(std::filesystem::exists(record_file()));
    EXPECT_FALSE(std::filesystem::exists(rundir + "/cleaned"));
}

TEST_F(UserDataPathTest, AProcessThatDoesNotAnswerAnyMoreIsNotWaitedForInSilence) {
    std::atomic<bool> answers = true;
    Userd userd(socket(), [&](const RequestBody& body) -> std::optional<AnswerBody> {
        if (std::holds_alternative<userlink::Logout>(body)) return std::nullopt;
        if (std::holds_alternative<userlink::GetStatus>(body)) {
            return answers ? std::optional<AnswerBody>(userlink::Status{}) : std::nullopt;
        }
        return userlink::Done{};
    });
    create_and_start();
    path->logout(key, 7s);
    ASSERT_TRUE(run_until([&] { return userd.received<userlink::GetStatus>().size() > 3; }));
    EXPECT_FALSE(last<session::Stuck>()) << "it takes its time, and answers";

    answers = false;
    ASSERT_TRUE(wait_for<session::Stuck>());
    EXPECT_NE(last<session::Stuck>()->reason.find("does not answer"), std::string::npos);
}

TEST_F(UserDataPathTest, ALogoutTellsWhatWasLost) {
    const Userd userd(socket(), [](const RequestBody& body) -> std::optional<AnswerBody> {
        if (std::holds_alternative<userlink::Logout>(body)) return userlink::LoggedOut{"LUN 1"};
        return userlink::Done{};
    });
    create_and_start();
    path->logout(key, 7s);
    ASSERT_TRUE(wait_for<session::LogoutDone>());
    EXPECT_EQ(last<session::LogoutDone>(), (session::LogoutDone{ErrorCode::Success, "LUN 1"}));
}

TEST_F(UserDataPathTest, AProcessThatDiesIsNoticedAndCleanedUpAfter) {
    Userd userd(socket());
    create_and_start();
    kill_process();
    userd.hang_up();
    ASSERT_TRUE(wait_for<session::Gone>());

    EXPECT_EQ(last<session::Gone>()->reason, "iscsi-userd: killed by signal 9");
    EXPECT_TRUE(run_until([this] { return std::filesystem::exists(rundir + "/cleaned"); }));
    EXPECT_FALSE(std::filesystem::exists(socket()));
    EXPECT_FALSE(std::filesystem::exists(record_file()));
}

TEST_F(UserDataPathTest, AProcessThatDiesDuringTheLoginIsNotAnAbsentIscsid) {
    Userd userd(socket(), [](const RequestBody& body) -> std::optional<AnswerBody> {
        if (std::holds_alternative<userlink::Bind>(body)) return std::nullopt;
        return userlink::Done{};
    });
    create();
    start();
    ASSERT_TRUE(run_until([&] { return userd.received<userlink::Bind>().size() == 1; }));
    userd.hang_up();
    kill_process();
    ASSERT_TRUE(wait_for<session::StartFailed>());
    EXPECT_EQ(last<session::StartFailed>()->code, ErrorCode::Internal);
}

TEST_F(UserDataPathTest, AMissingProgramIsNamed) {
    std::filesystem::remove(program());
    create();
    start();
    ASSERT_TRUE(wait_for<session::Gone>());

    EXPECT_TRUE(last<session::Gone>()->reason.contains(program()));
}

TEST_F(UserDataPathTest, QuestionsToNobodyAreAnswered) {
    int answers = 0;
    path->rescan(key, [&](const auto& r) { answers += r ? 0 : 1; });
    path->stats(key, [&](const auto& r) { answers += r ? 0 : 1; });
    path->status(key, [&](const auto& r) { answers += r ? 0 : 1; });
    EXPECT_TRUE(run_until([&] { return answers == 3; }));

    create();
    path->stop(key, StopMode::Terminate);
    EXPECT_TRUE(wait_for<session::Gone>());
}

// The end of the socket and that of the process are found in the same turn of the event loop.
TEST_F(UserDataPathTest, QuestionsToAProcessThatEndsAreAnsweredBeforeItIsGone) {
    Userd userd(socket(), no_answer_to_questions);
    create_and_start();
    Asked asked;
    ask_everything(asked);
    ASSERT_TRUE(run_until([&] { return userd.kinds().size() == 6; }));
    userd.hang_up();
    kill_and_await_process();

    ASSERT_TRUE(wait_for<session::Gone>());

    EXPECT_EQ(asked.codes, (std::vector{ErrorCode::SessionNotFound, ErrorCode::SessionNotFound,
                                        ErrorCode::SessionNotFound}));
    io.restart();
    io.run_for(10ms);
    EXPECT_EQ(asked.codes.size(), 3U) << "each once";
}

TEST_F(UserDataPathTest, AnAnswerThatEndsTheDataPathTakesNoOtherAnswerAway) {
    Userd userd(socket(), no_answer_to_questions);
    create_and_start();
    Asked asked;
    asked.then = [this] { path.reset(); };
    ask_everything(asked);
    ASSERT_TRUE(run_until([&] { return userd.kinds().size() == 6; }));
    userd.hang_up();
    kill_and_await_process();

    EXPECT_TRUE(run_until([&] { return asked.codes.size() == 3; }));
}

TEST_F(UserDataPathTest, RequestsWithoutAnswerAreLimited) {
    const Userd userd(socket(), [](const RequestBody& body) -> std::optional<AnswerBody> {
        if (std::holds_alternative<userlink::Rescan>(body)) return std::nullopt;
        return userlink::Done{};
    });
    create_and_start();
    std::size_t refused = 0;
    for (std::size_t i = 0; i < kPendingMax + 10; ++i) {
        path->rescan(key, [&](const base::Result<RescanDone>& result) {
            if (!result && result.error().code == ErrorCode::Busy) ++refused;
        });
    }

    EXPECT_TRUE(run_until([&] { return refused == 10; }));
}

// Sessions of an earlier iscsid ---------------------------------------------------------------

TEST_F(UserDataPathTest, FindsWhatRunsAndForgetsWhatDoesNot) {
    userlink::Status status;
    status.config.sid = kFirstUserSid + 3;
    status.config.initiator_name = "iqn.x:init";
    status.config.transport = "tcp";
    SessionSpec open = spec();
    open.node.session.auth.password = {};
    status.config.record = record::print_file(open.node);
    status.state = userlink::SessionState::LoggedIn;
    status.binding.generation = 41;
    Userd alive(socket(kFirstUserSid + 3), [&](const RequestBody& body) -> AnswerBody {
        if (std::holds_alternative<userlink::GetStatus>(body)) return status;
        return userlink::Done{};
    });
    {
        const Userd dead(socket(kFirstUserSid));
    }  // its file stays
    std::ofstream(rundir + "/userd/README") << "not a session";

    std::optional<std::vector<Adoptable>> found;
    path->find_running([&](std::vector<Adoptable> sessions) {
        found = std::move(sessions);
        if (!found->empty()) path->take(key, found->front().sid);
    });
    ASSERT_TRUE(run_until([&] { return found.has_value(); }));

    ASSERT_EQ(found->size(), 1U);
    EXPECT_EQ(found->front().sid, kFirstUserSid + 3);
    EXPECT_EQ(found->front().generation, 41U);
    EXPECT_TRUE(found->front().logged_in);
    EXPECT_FALSE(found->front().has_secrets);
    EXPECT_EQ(found->front().spec.node.name, "iqn.x:disk");
    EXPECT_FALSE(std::filesystem::exists(socket(kFirstUserSid)));
    EXPECT_TRUE(run_until([this] { return std::filesystem::exists(rundir + "/cleaned"); }));

    alive.send(userlink::ConnectionError{41, 20, "closed"});
    EXPECT_TRUE(wait_for<session::ConnectionError>());
    // Numbers go on after the highest one in use.
    path->create(SessionKey{6}, spec());
    ASSERT_TRUE(wait_for<session::Created>());
    EXPECT_EQ(last<session::Created>()->sid, kFirstUserSid + 4);
}

TEST_F(UserDataPathTest, WhatHappensBeforeASessionIsTakenIsNotLost) {
    Userd* running = nullptr;
    Userd userd(socket(), [&](const RequestBody& body) -> AnswerBody {
        if (!std::holds_alternative<userlink::GetStatus>(body)) return userlink::Done{};
        running->send(userlink::ConnectionError{1, 20, "closed"});
        return userlink::Status{};
    });
    running = &userd;
    bool searched = false;
    path->find_running([&](const std::vector<Adoptable>& sessions) {
        searched = true;
        for (const Adoptable& one : sessions) path->take(key, one.sid);
    });
    ASSERT_TRUE(run_until([&] { return searched; }));

    EXPECT_TRUE(wait_for<session::ConnectionError>());
}

TEST_F(UserDataPathTest, TheRecordFileBringsTheSecretsBack) {
    const Userd userd(socket(), [](const RequestBody& body) -> AnswerBody {
        if (std::holds_alternative<userlink::GetStatus>(body)) return userlink::Status{};
        return userlink::Done{};
    });
    std::ofstream(record_file()) << record::print_file(spec().node);
    std::vector<Adoptable> found;
    path->find_running([&](std::vector<Adoptable> sessions) { found = std::move(sessions); });
    ASSERT_TRUE(run_until([&] { return !found.empty(); }));

    EXPECT_TRUE(found[0].has_secrets);
    EXPECT_EQ(found[0].spec.node.session.auth.password.reveal(), "very secret");
}

TEST_F(UserDataPathTest, WithoutARunDirectoryNothingRuns) {
    std::filesystem::remove_all(rundir + "/userd");
    bool searched = false;
    path->find_running([&](const std::vector<Adoptable>& sessions) {
        EXPECT_TRUE(sessions.empty());
        searched = true;
    });
    EXPECT_TRUE(run_until([&] { return searched; }));
}

}  // namespace
}  // namespace iscsi::datapath

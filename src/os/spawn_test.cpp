// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "os/daemon.hpp"

namespace iscsi::os {
namespace {

class SpawnTest : public ::testing::Test {
protected:
    void SetUp() override {
        directory = "/tmp/process-test-XXXXXX";
        ASSERT_NE(::mkdtemp(directory.data()), nullptr);
    }
    void TearDown() override { std::filesystem::remove_all(directory); }

    std::string script(const std::string& text) const {
        const std::string path = directory + "/script";
        std::ofstream(path) << "#!/bin/sh\n" << text;
        ::chmod(path.c_str(), 0700);
        return path;
    }
    std::string content(const std::string& name) const {
        std::ostringstream text;
        text << std::ifstream(directory + "/" + name).rdbuf();
        return text.str();
    }
    // Waits for its end, as the data path does.
    static std::string wait_for(pid_t pid) {
        const auto watched = watch_process(pid);
        EXPECT_TRUE(watched);
        pollfd readable{.fd = watched->get(), .events = POLLIN, .revents = 0};
        EXPECT_EQ(::poll(&readable, 1, 20'000), 1);
        return collect_child(pid);
    }

    std::string directory;
};

TEST_F(SpawnTest, TellsHowAChildEnded) {
    const auto failed = spawn_detached(script("exit 3\n"), {});
    ASSERT_TRUE(failed);
    EXPECT_EQ(wait_for(*failed), "exit status 3");

    const auto killed = spawn_detached(script("exec sleep 1000\n"), {});
    ASSERT_TRUE(killed);
    EXPECT_EQ(collect_child(*killed), "");
    kill_process(*killed);
    EXPECT_EQ(wait_for(*killed), "killed by signal 9");
    EXPECT_EQ(collect_child(*killed), "");
}

TEST_F(SpawnTest, AChildHasItsArgumentsASessionAndNoDescriptorOfOurs) {
    const int inherited = ::open("/dev/null", O_RDONLY);  // without close-on-exec
    ASSERT_GE(inherited, 0);
    ::signal(SIGPIPE, SIG_IGN);
    const auto child = spawn_detached(
        script(fmt::format("cd {}\nls /proc/$$/fd >fds\necho \"$@\" >args\n"
                           "cut -d' ' -f6 /proc/$$/stat >session\necho $$ >>session\n"
                           "grep SigIgn /proc/$$/status >ignored\n",
                           directory)),
        {"--sid", "7 8"});
    ASSERT_TRUE(child);
    EXPECT_EQ(wait_for(*child), "exit status 0");
    ::close(inherited);
    ::signal(SIGPIPE, SIG_DFL);

    EXPECT_EQ(content("args"), "--sid 7 8\n");
    const std::string pid = fmt::format("{}\n", *child);
    EXPECT_EQ(content("session"), pid + pid);
    std::istringstream fds(content("fds"));
    for (std::string number; fds >> number;) {
        // The shell has the script open, at 10 or above.
        EXPECT_TRUE(std::stoi(number) <= 2 || std::stoi(number) >= 10) << number;
    }
    // The C library keeps 32 and 33 for itself.
    const std::string ignored = content("ignored");
    EXPECT_EQ(std::stoull(ignored.substr(ignored.find('\t')), nullptr, 16) & 0x7fff'ffff, 0U);
}

TEST_F(SpawnTest, AMissingProgramIsNamed) {
    const auto missing = spawn_detached(directory + "/nothing", {});
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().message,
              fmt::format("cannot start {}/nothing: No such file or directory", directory));
}

TEST_F(SpawnTest, AProcessThatHasEndedCannotBeWatched) {
    const auto child = spawn_detached(script("exit 0\n"), {});
    ASSERT_TRUE(child);
    EXPECT_EQ(wait_for(*child), "exit status 0");
    EXPECT_FALSE(watch_process(*child));
}

// Pid file ------------------------------------------------------------------------------------

// A lock belongs to a process, so another one has to try.
template <class Body>
int in_child(Body body) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(body() ? 0 : 1);
    int status = 0;
    ::waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}

TEST_F(SpawnTest, APidFileHasOneOwnerWhoseNumberIsInIt) {
    const std::string path = directory + "/pid";
    {
        auto owned = PidFile::acquire(path);
        ASSERT_TRUE(owned);
        ASSERT_TRUE(owned->write_own_pid());

        const std::string expected =
            fmt::format("already running with pid {} (pid file {} is locked)", ::getpid(), path);
        EXPECT_EQ(in_child([&] {
                      const auto refused = PidFile::acquire(path);
                      return !refused && refused.error().code == base::ErrorCode::Busy &&
                             refused.error().message == expected;
                  }),
                  0);
        // Not earlier: closing the file here gives the lock up, as for every lock of this kind.
        EXPECT_EQ(content("pid"), fmt::format("{}\n", ::getpid()));
    }
    EXPECT_EQ(in_child([&] { return PidFile::acquire(path).has_value(); }), 0);
}

TEST_F(SpawnTest, AStalePidFileIsTakenOver) {
    std::ofstream(directory + "/pid") << "99999999 and some more text\n";
    auto owned = PidFile::acquire(directory + "/pid");
    ASSERT_TRUE(owned);
    ASSERT_TRUE(owned->write_own_pid());
    EXPECT_EQ(content("pid"), fmt::format("{}\n", ::getpid()));
}

TEST_F(SpawnTest, APidFileThatIsALinkIsNotFollowed) {
    std::ofstream(directory + "/precious") << "data";
    std::filesystem::create_symlink(directory + "/precious", directory + "/pid");
    EXPECT_FALSE(PidFile::acquire(directory + "/pid"));
    EXPECT_EQ(content("precious"), "data");
}

TEST_F(SpawnTest, WithoutAPidFileThereIsNothingToWrite) {
    PidFile none;
    EXPECT_TRUE(none.write_own_pid());
}

}  // namespace
}  // namespace iscsi::os

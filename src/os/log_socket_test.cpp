// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/log_socket.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

namespace iscsi::os {
namespace {

// A log daemon that reads only when told.
class LogSocketTest : public testing::Test {
protected:
    LogSocketTest() {
        std::array<char, 32> name{"/tmp/log_socket.XXXXXX"};
        directory_ = ::mkdtemp(name.data());
        path_ = directory_ + "/log";
        listen();
    }
    ~LogSocketTest() override {
        ::unlink(path_.c_str());
        ::rmdir(directory_.c_str());
    }
    void listen() {
        ::unlink(path_.c_str());
        daemon_ = Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path_.data(), path_.size());
        ASSERT_EQ(::bind(daemon_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    }
    std::string next_line() {
        std::array<char, 512> buffer{};
        const ssize_t count = ::recv(daemon_.get(), buffer.data(), buffer.size(), 0);
        return count > 0 ? std::string(buffer.data(), static_cast<std::size_t>(count)) : "";
    }

    std::string directory_;
    std::string path_;
    Fd daemon_;
};

TEST_F(LogSocketTest, LinesCarryPriorityProgramAndPid) {
    LogSocket log("iscsi-userd", path_);
    log.write(LOG_WARNING, "hello");
    EXPECT_EQ(next_line(),
              fmt::format("<{}>iscsi-userd[{}]: hello", LOG_DAEMON | LOG_WARNING, ::getpid()));
}

TEST_F(LogSocketTest, ADaemonThatDoesNotReadDelaysNobody) {
    LogSocket log("iscsi-userd", path_);
    for (int i = 0; i < 10'000; ++i) log.write(LOG_INFO, std::string(100, 'x'));
    EXPECT_FALSE(next_line().empty());
}

TEST_F(LogSocketTest, ADaemonThatCameBackIsFound) {
    LogSocket log("iscsi-userd", path_);
    log.write(LOG_INFO, "before");
    listen();
    log.write(LOG_INFO, "after");
    EXPECT_NE(next_line().find("after"), std::string::npos);
}

TEST_F(LogSocketTest, WithoutDaemonLinesAreLost) {
    ::unlink(path_.c_str());
    LogSocket log("iscsi-userd", path_);
    log.write(LOG_INFO, "nobody");
    EXPECT_EQ(next_line(), "");
}

}  // namespace
}  // namespace iscsi::os

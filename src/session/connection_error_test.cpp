// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/connection_error.hpp"

#include <gtest/gtest.h>

#include "session/protocol_error.hpp"

namespace iscsi::session {
namespace {

TEST(ConnectionError, NumbersAreThoseOfTheReadme) {
    EXPECT_EQ(static_cast<int>(ConnectionErrorNumber::DataSn), 1);
    EXPECT_EQ(static_cast<int>(ConnectionErrorNumber::ConnectionFailed), 11);
    EXPECT_EQ(static_cast<int>(ConnectionErrorNumber::NopTimedOut), 22);
}

TEST(ConnectionError, TextsAreThoseOfIscsid) {
    EXPECT_EQ(connection_error_name(ConnectionErrorNumber::TcpConnectionClosed),
              "ISCSI_ERR_TCP_CONN_CLOSE");
    EXPECT_EQ(connection_error_text(ConnectionErrorNumber::TcpConnectionClosed),
              "TCP connection closed");
    EXPECT_EQ(connection_error_name(ConnectionErrorNumber::NopTimedOut), "ISCSI_ERR_NOP_TIMEDOUT");
    EXPECT_EQ(connection_error_text(ConnectionErrorNumber::BadItt),
              "Received invalid initiator task tag from target");
}

TEST(ConnectionError, ANumberOfANewerKernelIsNoReasonToFail) {
    // NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange): what this test is about
    EXPECT_EQ(connection_error_text(static_cast<ConnectionErrorNumber>(23)),
              "Invalid or unknown error code");
    // NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange)
    EXPECT_EQ(connection_error_name(static_cast<ConnectionErrorNumber>(255)), "ISCSI_ERR_UNKNOWN");
}

TEST(ProtocolError, IsToldWithRuleSectionAndValues) {
    const ProtocolError error{Violation::R2tPastEnd, 70000, 65536};

    EXPECT_EQ(number_of(error.violation), ConnectionErrorNumber::DataOffset);
    EXPECT_EQ(describe(error),
              "an R2T past the end of the task's data (RFC 7143 section 11.8.4): 0x11170, "
              "expected 0x10000");
}

}  // namespace
}  // namespace iscsi::session

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/error.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace iscsi::base {
namespace {

Result<int> half(int value) {
    if (value % 2 != 0) return fail(ErrorCode::Invalid, "{} is odd", value);
    return value / 2;
}

Result<int> quarter(int value) {
    ISCSI_TRY(const int first, half(value));
    ISCSI_TRY(const int second, half(first));
    return second;
}

TEST(Error, TryPassesValuesOnAndReturnsTheFirstError) {
    EXPECT_EQ(quarter(8).value(), 2);
    EXPECT_EQ(quarter(6).error().message, "3 is odd");
    EXPECT_EQ(quarter(6).error().code, ErrorCode::Invalid);
}

TEST(Error, ContextReadsOutsideIn) {
    EXPECT_EQ(Error({ErrorCode::Login, "CHAP: wrong"}).within("login to t").message,
              "login to t: CHAP: wrong");
}

TEST(Error, NumbersAndTextsAreOpenIscsis) {
    EXPECT_EQ(std::to_underlying(ErrorCode::SessionExists), 15);
    EXPECT_EQ(std::to_underlying(ErrorCode::NoObjectsFound), 21);
    EXPECT_EQ(error_text(ErrorCode::RequestTimedOut), "iscsid request timed out");
    EXPECT_EQ(error_text(ErrorCode::Success), "");
    EXPECT_EQ(error_code_from_number(24), ErrorCode::LoginAuthFailed);
    EXPECT_EQ(error_code_from_number(99), ErrorCode::Internal);
    EXPECT_EQ(error_code_from_number(-1), ErrorCode::Internal);
}

TEST(Error, ErrnoBecomesASentenceThatNamesTheThing) {
    EXPECT_EQ(fail_errno(ErrorCode::Database, ENOENT, "/x").error().message,
              "/x: No such file or directory");
}

}  // namespace
}  // namespace iscsi::base

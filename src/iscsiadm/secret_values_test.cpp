// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/secret_values.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace iscsi::iscsiadm {
namespace {

using record::Assignment;

constexpr const char* kPassword = "node.session.auth.password";

class SecretValues : public testing::Test {
protected:
    std::string file(const std::string& content) {
        std::ofstream(path_) << content;
        return path_;
    }
    base::Result<std::string> fetched(const char* name, const std::string& value,
                                      std::string input = "") {
        std::vector<Assignment> assignments{{name, value}};
        input += '\0';  // fmemopen refuses an empty buffer
        std::FILE* stream = ::fmemopen(input.data(), input.size(), "r");
        const auto status = fetch_secret_values(assignments, stream);
        std::fclose(stream);
        if (!status) return std::unexpected(status.error());
        return assignments[0].value;
    }

private:
    std::string path_ = testing::TempDir() + "secret-" +
                        testing::UnitTest::GetInstance()->current_test_info()->name();
    void TearDown() override { std::filesystem::remove(path_); }
};

TEST_F(SecretValues, ComeFromTheFirstLineOfAFile) {
    EXPECT_EQ(fetched(kPassword, "@" + file("hush hush\nmore\n")), "hush hush");
    EXPECT_EQ(fetched("discovery.sendtargets.auth.password_in", "@" + file("hush\r\n")), "hush");
    EXPECT_EQ(fetched(kPassword, "@" + file("no newline")), "no newline");
}

TEST_F(SecretValues, ComeFromStandardInput) {
    EXPECT_EQ(fetched(kPassword, "-", "hush\nmore\n"), "hush");
}

TEST_F(SecretValues, AreLiteralOtherwise) {
    EXPECT_EQ(fetched(kPassword, "hush"), "hush");
    EXPECT_EQ(fetched(kPassword, ""), "");
    EXPECT_EQ(fetched(kPassword, "@"), "@");
    EXPECT_EQ(fetched(kPassword, "@no such file"), "@no such file");
}

TEST_F(SecretValues, OtherKeysKeepTheirValues) {
    EXPECT_EQ(fetched("node.session.auth.username", "@" + file("hush\n")).value().front(), '@');
    EXPECT_EQ(fetched("node.session.auth.username", "-", "hush\n"), "-");
}

TEST_F(SecretValues, NameWhatCannotBeRead) {
    const auto missing = fetched(kPassword, "@/nonexistent/secret");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, base::ErrorCode::Invalid);
    EXPECT_EQ(missing.error().message, "/nonexistent/secret: No such file or directory");

    EXPECT_FALSE(fetched(kPassword, "@" + file("\n")));
    EXPECT_FALSE(fetched(kPassword, "-", "\n"));
    EXPECT_FALSE(fetched(kPassword, "@" + file(std::string(10000, 'x'))));
}

}  // namespace
}  // namespace iscsi::iscsiadm

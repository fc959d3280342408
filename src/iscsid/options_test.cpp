// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsid/options.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace iscsi::iscsid {
namespace {

std::variant<Options, Leave> parse(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "iscsid");
    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    return parse_options(static_cast<int>(arguments.size()), argv.data());
}

const Options& options(const std::variant<Options, Leave>& parsed) {
    return std::get<Options>(parsed);
}
const Leave& leave(const std::variant<Options, Leave>& parsed) { return std::get<Leave>(parsed); }

TEST(IscsidOptions, HaveDefaults) {
    const auto parsed = parse({});
    EXPECT_EQ(options(parsed).pid_file, "/run/iscsid.pid");
    EXPECT_FALSE(options(parsed).foreground);
    EXPECT_TRUE(options(parsed).config_file.ends_with("/iscsid.conf"));
}

TEST(IscsidOptions, AreTakenInShortAndLongForm) {
    const auto parsed = parse({"--config=/c", "-i", "/i", "-d8", "--pid", "/p", "-u1", "-g", "2"});
    EXPECT_EQ(options(parsed).config_file, "/c");
    EXPECT_EQ(options(parsed).initiatorname_file, "/i");
    EXPECT_EQ(options(parsed).debug, 8);
    EXPECT_EQ(options(parsed).pid_file, "/p");
    EXPECT_EQ(options(parsed).uid, 1U);
    EXPECT_EQ(options(parsed).gid, 2U);
}

TEST(IscsidOptions, TheForegroundNeedsNoPidFile) {
    EXPECT_EQ(options(parse({"-f"})).pid_file, "");
    EXPECT_EQ(options(parse({"-n"})).pid_file, "");
}

TEST(IscsidOptions, ContradictionsAreNamed) {
    const auto both = parse({"-n", "-p", "/p"});
    EXPECT_EQ(leave(both).status, 1);
    EXPECT_EQ(leave(both).err,
              "error: Conflicting PID-file options requested\n"
              "Try `iscsid --help' for more information.\n");
    EXPECT_EQ(leave(parse({"-f", "-p", "/p"})).err,
              "error: PID file specified but unused in foreground mode\n"
              "Try `iscsid --help' for more information.\n");
}

TEST(IscsidOptions, HelpAndVersionLeaveWithSuccess) {
    EXPECT_EQ(leave(parse({"-v"})).out, "iscsid version 2.1.8\n");
    EXPECT_EQ(leave(parse({"-h"})).status, 0);
    EXPECT_TRUE(leave(parse({"-h"})).out.starts_with("Usage: iscsid [OPTION]\n"));
}

TEST(IscsidOptions, UnknownOnesLeaveWithAHint) {
    const auto parsed = parse({"--bogus"});
    EXPECT_EQ(leave(parsed).status, 1);
    EXPECT_EQ(leave(parsed).err, "Try `iscsid --help' for more information.\n");
    EXPECT_EQ(leave(parse({"-u", "root"})).status, 1);
}

}  // namespace
}  // namespace iscsi::iscsid

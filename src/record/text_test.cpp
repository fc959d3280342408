// SPDX-License-Identifier: LGPL-2.1-or-later
#include "record/text.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "record/update.hpp"

namespace iscsi::record {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string slurp(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    EXPECT_TRUE(file) << path;
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

const std::filesystem::path kGolden = RECORDS_GOLDEN_DIR;

template <class Record>
Record parsed(std::string_view text) {
    Record record;
    EXPECT_THAT(parse_into(record, text), IsEmpty());
    return record;
}

// --- against what the reference wrote and printed ------------------------------------------------

enum class Kind { Node, Iface, SendTargets, Isns };

Kind kind_of(const std::string& path) {
    if (path.ends_with("st_config")) return Kind::SendTargets;
    if (path.ends_with("isns_config")) return Kind::Isns;
    return path.find("/nodes/") == std::string::npos ? Kind::Iface : Kind::Node;
}

std::string rewritten(Kind kind, std::string_view text) {
    switch (kind) {
        case Kind::Node:
            return print_file(parsed<Node>(text));
        case Kind::Iface:
            return print_file(parsed<Iface>(text));
        case Kind::SendTargets:
            return print_file(parsed<SendTargets>(text));
        case Kind::Isns:
            return print_file(parsed<Isns>(text));
    }
    return {};
}

TEST(GoldenRecords, EveryFileIsReadAndWrittenBackByteForByte) {
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(kGolden / "trees")) {
        if (!entry.is_regular_file() || entry.path().filename() == "LIST") continue;
        const std::string text = slurp(entry.path());

        EXPECT_EQ(rewritten(kind_of(entry.path()), text), text) << entry.path();

        ++files;
    }
    EXPECT_GE(files, 17U);
}

const std::string kDisk = "nodes/iqn.2003-01.org.example:disk/10.0.0.1,3260,1/";

TEST(GoldenRecords, NodesAreShownAsTheReferenceShowsThem) {
    const auto fresh = parsed<Node>(slurp(kGolden / "trees/nodes-new" / (kDisk + "default")));
    EXPECT_EQ(print_shown(fresh, false), slurp(kGolden / "shown/node-default"));

    const auto four = parsed<Node>(slurp(kGolden / "trees/ifaces" / (kDisk + "four")));
    EXPECT_EQ(print_shown(four, false), slurp(kGolden / "shown/node-four"));

    const auto six = parsed<Node>(slurp(kGolden / "trees/ifaces-ipv6" / (kDisk + "six.ipv6.0")));
    EXPECT_EQ(print_shown(six, false), slurp(kGolden / "shown/node-six"));
}

TEST(GoldenRecords, SecretsAreMaskedUnlessAskedFor) {
    const auto changed = parsed<Node>(slurp(kGolden / "trees/nodes-changed" / (kDisk + "default")));
    const auto st = parsed<SendTargets>(
        slurp(kGolden / "trees/discovery/send_targets/10.0.0.1,3260/st_config"));

    EXPECT_EQ(print_shown(changed, false), slurp(kGolden / "shown/node-changed"));
    EXPECT_EQ(print_shown(changed, true), slurp(kGolden / "shown/node-changed-revealed"));
    EXPECT_EQ(print_shown(st, false), slurp(kGolden / "shown/st-changed"));
    EXPECT_EQ(print_shown(st, true), slurp(kGolden / "shown/st-changed-revealed"));
}

TEST(GoldenRecords, IfacesAndIsnsAreShownAsTheReferenceShowsThem) {
    EXPECT_EQ(print_shown(builtin_iface("default"), false), slurp(kGolden / "shown/iface-default"));
    const auto four = parsed<Iface>(slurp(kGolden / "trees/ifaces/ifaces/four"));
    EXPECT_EQ(print_shown(four, false), slurp(kGolden / "shown/iface-four"));
    const auto six = parsed<Iface>(slurp(kGolden / "trees/ifaces-ipv6/ifaces/six.ipv6.0"));
    EXPECT_EQ(print_shown(six, false), slurp(kGolden / "shown/iface-six"));
    const auto isns =
        parsed<Isns>(slurp(kGolden / "trees/discovery/isns/10.0.0.2,3205/isns_config"));
    EXPECT_EQ(print_shown(isns, false), slurp(kGolden / "shown/isns"));
}

TEST(GoldenRecords, TheCopyOfAnIfaceInANodeRecordIsTheReferences) {
    for (const std::string name : {"plain", "four", "six"}) {
        const auto iface = parsed<Iface>(slurp(kGolden / "trees/ifaces/ifaces" / name));
        const auto expected = parsed<Node>(slurp(kGolden / "trees/ifaces" / (kDisk + name)));

        EXPECT_EQ(copy_for_node(iface, Iface{}), expected.iface) << name;
    }
}

// --- the rules of the parser ---------------------------------------------------------------------

// The queue depth after a line was read over the default of 32, and the warnings it gave.
struct Depth {
    std::int32_t value;
    std::vector<std::string> warnings;
};
Depth depth_after(std::string_view line) {
    Node node;
    Depth result{0, {}};
    for (const auto& warning : parse_into(node, line)) result.warnings.push_back(warning.text);
    result.value = node.session.queue_depth;
    return result;
}

TEST(RecordParser, BlanksAndLineEndsDoNotMatter) {
    for (const std::string_view line :
         {"node.session.queue_depth = 33\n", "node.session.queue_depth =33\n",
          "\t node.session.queue_depth\t=\t33 \t\n", "node.session.queue_depth = 33\r\n",
          "# comment\n\n  # another\nnode.session.queue_depth = 33\n"}) {
        const Depth depth = depth_after(line);
        EXPECT_EQ(depth.value, 33) << line;
        EXPECT_THAT(depth.warnings, IsEmpty()) << line;
    }
}

TEST(RecordParser, FaultyLinesAreLeftOutWithTheReferencesWarning) {
    const std::vector<std::pair<std::string_view, std::string_view>> faults{
        {"node.session.queue_depth=33\n", "Config file line 1 does not have '=' separator"},
        {"node.session.queue_depth 33\n", "Config file line 1 does not have '=' separator"},
        {"node.session.queue_depth = \n", "Config file line 1 does not have value"},
        {"node.session.queue_depth\n", "Config file line 1 does not have value"},
        {"node.session.queue_depth = 33", "Config file line 1 too long."},
    };
    for (const auto& [line, warning] : faults) {
        const Depth depth = depth_after(line);
        EXPECT_EQ(depth.value, 32) << line;
        EXPECT_THAT(depth.warnings, ElementsAre(warning)) << line;
    }
}

TEST(RecordParser, NumbersEndAtABlank) {
    for (const auto& [text, value] :
         {std::pair("010", 10), std::pair("12 # c", 12), std::pair("+7", 7)}) {
        const Depth depth = depth_after(fmt::format("node.session.queue_depth = {}\n", text));
        EXPECT_EQ(depth.value, value) << text;
        EXPECT_THAT(depth.warnings, IsEmpty()) << text;
    }
}

TEST(RecordParser, AWrongNumberKeepsWhatWasThereAndWarns) {
    for (const std::string_view text :
         {"abc", "0x20", "99999999999", "= 34", "4294967295", "99999999999999999999999"}) {
        const Depth depth = depth_after(fmt::format("node.session.queue_depth = {}\n", text));
        EXPECT_EQ(depth.value, 32) << text;
        EXPECT_THAT(depth.warnings,
                    ElementsAre(fmt::format("line 1: node.session.queue_depth = {} is not a whole "
                                            "number from 1 to 1024; 32 is used",
                                            text)));
    }
}

TEST(RecordParser, ANumberOutOfRangeIsLeftOutOnlyWhereRangesCount) {
    Node node;
    EXPECT_THAT(parse_into(node, "node.session.queue_depth = 4096\n"), IsEmpty());
    EXPECT_EQ(node.session.queue_depth, 4096);

    EXPECT_THAT(parse_into(node, "node.session.queue_depth = 0\n", {.enforce_ranges = true}),
                ElementsAre(Warning{1,
                                    "line 1: node.session.queue_depth = 0 is not a whole number "
                                    "from 1 to 1024; 4096 is used"}));
    EXPECT_EQ(node.session.queue_depth, 4096);
}

TEST(RecordParser, AnUnknownWordKeepsWhatWasThereAndWarns) {
    Node node;
    node.startup = Startup::Onboot;

    const auto warnings = parse_into(node, "\nnode.startup = bogus\n");

    EXPECT_EQ(node.startup, Startup::Onboot);
    EXPECT_THAT(warnings, ElementsAre(Warning{2,
                                              "line 2: node.startup = bogus is not one of manual, "
                                              "automatic, onboot; onboot is used"}));
}

TEST(RecordParser, ATextIsARecordWhenALineNamesAKey) {
    for (const std::string_view text :
         {"node.tpgt = 1", "# x\n\niface.mtu=1\r\n", "what = 1\n  discovery.new = 2\n"}) {
        EXPECT_TRUE(is_record(text)) << text;
    }
    for (const std::string_view text :
         {"", "# node.tpgt = 1\n", "\x7f\x45\x4c\x46 = 2\n", "[section]\nkey = value\n"}) {
        EXPECT_FALSE(is_record(text)) << text;
    }
    EXPECT_FALSE(is_record(std::string(4096, '\0')));
}

TEST(RecordParser, TheLastOfRepeatedKeysWins) {
    const auto node = parsed<Node>("node.startup = automatic\nnode.startup = onboot\n");

    EXPECT_EQ(node.startup, Startup::Onboot);
}

TEST(RecordParser, ChapAlgorithmsAreAListWithoutRepeats) {
    Node node;

    const auto warnings =
        parse_into(node, "node.session.auth.chap_algs = SHA256 bogus,MD5,,SHA256\n");

    EXPECT_THAT(node.session.auth.chap_algs,
                ElementsAre(ChapAlgorithm::Sha256, ChapAlgorithm::Md5));
    EXPECT_THAT(
        warnings,
        ElementsAre(
            Warning{1, "Ignoring unknown value 'bogus' for 'node.session.auth.chap_algs'"},
            Warning{1, "Ignoring repeated value 'SHA256' for 'node.session.auth.chap_algs'"}));
}

TEST(RecordParser, ALineOverTheLimitIsLeftOutAndItsRestIsALine) {
    Node node;
    const std::string text =
        fmt::format("node.session.auth.username = {}\nnode.tpgt = 3\n", std::string(2100, 'x'));

    const auto warnings = parse_into(node, text);

    EXPECT_EQ(node.session.auth.username, "");
    EXPECT_EQ(node.tpgt, 3);
    EXPECT_THAT(warnings, ElementsAre(Warning{1, "Config file line 1 too long."},
                                      Warning{2, "Config file line 2 does not have value"}));
}

TEST(RecordParser, AValueOverTheLimitIsCut) {
    Node node;

    const auto warnings =
        parse_into(node, fmt::format("node.session.auth.username = {}\n", std::string(400, 'x')));

    EXPECT_EQ(node.session.auth.username.size(), kValueBytesMax);
    EXPECT_THAT(warnings, ElementsAre(Warning{1, "Config file line 1 value too long."}));
}

TEST(RecordParser, NumbersThatAreNoneSurviveRewriting) {
    Node node;
    const auto warnings = parse_into(node,
                                     "node.session.cmds_max = 12junk\n"
                                     "node.session.queue_depth = 0x20\n"
                                     "node.session.nr_sessions = 99999999999\n"
                                     "node.session.reopen_max = 1x\n"
                                     "node.session.reopen_max = 4\n");
    const std::vector<Assignment> assignments{{"node.session.queue_depth", "32"}};
    ASSERT_TRUE(update(node, assignments));

    const std::string text = print_file(node);

    EXPECT_EQ(warnings.size(), 4U);
    EXPECT_THAT(text, HasSubstr("\nnode.session.cmds_max = 12junk\n"));
    EXPECT_THAT(text, HasSubstr("\nnode.session.nr_sessions = 99999999999\n"));
    EXPECT_THAT(text, HasSubstr("\nnode.session.queue_depth = 32\n"));
    EXPECT_THAT(text, HasSubstr("\nnode.session.reopen_max = 4\n"));
    EXPECT_THAT(text, Not(HasSubstr("0x20")));
    node.session.cmds_max = 64;
    EXPECT_THAT(print_file(node), HasSubstr("\nnode.session.cmds_max = 64\n"));
    EXPECT_THAT(print_shown(node, false), HasSubstr("\nnode.session.nr_sessions = 1\n"));
}

TEST(RecordParser, UnknownKeysSurviveRewriting) {
    const auto node = parsed<Node>("node.future = a = b # c\nnode.tpgt = 1\nnode.future = d\n");

    EXPECT_THAT(node.unknown, ElementsAre(UnknownKey{"node.future", "d"}));
    EXPECT_THAT(print_file(node), HasSubstr("\nnode.future = d\n# END RECORD\n"));
    EXPECT_THAT(print_shown(node, true), Not(HasSubstr("future")));
}

TEST(RecordParser, KeysOfOthersInIscsidConfAreNotKept) {
    Node node;

    parse_into(node, "iscsid.startup = x\nnode.startup = automatic\n", {.keep_unknown = false});

    EXPECT_THAT(node.unknown, IsEmpty());
    EXPECT_EQ(node.startup, Startup::Automatic);
}

TEST(RecordParser, LengthsOfSecretsAreUnderstoodAndNeverWritten) {
    const auto node = parsed<Node>("node.session.auth.password_length = 3\n");

    EXPECT_THAT(node.unknown, IsEmpty());
    EXPECT_THAT(print_file(node), Not(HasSubstr("password_length")));
}

TEST(RecordPrinter, YoungKeysAppearOnlyWhenTheyDiffer) {
    Node node;
    EXPECT_THAT(print_file(node), Not(HasSubstr("sess_reopen_log_freq")));

    node.session.sess_reopen_log_freq = 5;

    EXPECT_THAT(print_file(node), HasSubstr("node.session.sess_reopen_log_freq = 5\n"));
    EXPECT_THAT(print_shown(node, false), HasSubstr("node.session.sess_reopen_log_freq = 5\n"));
}

TEST(RecordPrinter, AValueNeverBreaksOutOfItsLine) {
    Node node;
    node.name = "iqn.x\nnode.startup = automatic";

    EXPECT_EQ(parsed<Node>(print_file(node)).startup, Startup::Manual);
}

}  // namespace
}  // namespace iscsi::record

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/options.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

namespace iscsi::iscsiadm {
namespace {

// Parses a line as a shell without quotes would split it, and keeps what is printed.
struct Parsed {
    explicit Parsed(std::initializer_list<const char*> words) {
        std::vector<const char*> args{"iscsiadm"};
        args.insert(args.end(), words);
        char* out_text = nullptr;
        char* err_text = nullptr;
        std::size_t out_size = 0;
        std::size_t err_size = 0;
        std::FILE* out_stream = ::open_memstream(&out_text, &out_size);
        std::FILE* err_stream = ::open_memstream(&err_text, &err_size);
        Output output(out_stream, err_stream);
        auto outcome = parse(args, output);
        std::fclose(out_stream);
        std::fclose(err_stream);
        out.assign(out_text, out_size);
        err.assign(err_text, err_size);
        std::free(out_text);
        std::free(err_text);
        if (auto* exit = std::get_if<Exit>(&outcome)) {
            status = exit->status;
        } else {
            command = std::get<Command>(std::move(outcome));
        }
    }
    std::optional<int> status;
    Command command;
    std::string out, err;
};

TEST(Options, AreTakenInAnyOrderAndForm) {
    const Parsed parsed({"--op=update", "-T", "iqn.a", "--portal", "10.0.0.1:3261,2", "-nkey",
                         "--val", "value", "--mode=node", "operand"});

    ASSERT_FALSE(parsed.status) << parsed.err;
    EXPECT_EQ(parsed.command.mode, Mode::Node);
    EXPECT_TRUE(parsed.command.ops.is(Op::Update));
    EXPECT_EQ(parsed.command.target, "iqn.a");
    EXPECT_EQ(parsed.command.portal,
              (record::Portal{.address = "10.0.0.1", .port = 3261, .tpgt = 2}));
    EXPECT_EQ(parsed.command.assignments, (std::vector<record::Assignment>{{"key", "value"}}));
}

TEST(Options, PairAsSoonAsBothHalvesAreThere) {
    const Parsed parsed(
        {"-m", "node", "-v", "1", "-n", "a", "-n", "b", "-n", "c", "-v", "2", "-v", "3"});

    ASSERT_FALSE(parsed.status) << parsed.err;
    EXPECT_EQ(parsed.command.assignments,
              (std::vector<record::Assignment>{{"a", "1"}, {"c", "2"}}));
}

TEST(Options, KeepAnEmptyValue) {
    const Parsed parsed({"-m", "node", "-n", "a", "-v", ""});

    EXPECT_EQ(parsed.command.assignments, (std::vector<record::Assignment>{{"a", ""}}));
}

TEST(Options, CombineOperations) {
    const Parsed parsed({"-m", "discovery", "-o", "new", "-o", "delete"});

    EXPECT_TRUE(parsed.command.ops.has(Op::New));
    EXPECT_TRUE(parsed.command.ops.has(Op::Delete));
    EXPECT_FALSE(parsed.command.ops.is(Op::New));
}

TEST(Options, OfOtherModesAreRefused) {
    const Parsed parsed({"-T", "iqn.a", "-m", "session"});

    EXPECT_EQ(parsed.status, 7);
    EXPECT_EQ(parsed.err, "iscsiadm: session mode: option '-T' is not allowed/supported\n");
}

TEST(Options, RefuseAWrongModeBeforeAnythingAfterIt) {
    const Parsed parsed({"-m", "nod", "-h"});

    EXPECT_EQ(parsed.status, 7);
    EXPECT_EQ(parsed.out, "");
    EXPECT_EQ(parsed.err,
              "iscsiadm: mode -1 is not yet supported\niscsiadm: hint: did you mean node?\n");
}

TEST(Options, NeedAModeOrAPriority) {
    EXPECT_EQ(Parsed({}).status, 7);
    EXPECT_EQ(Parsed({}).err, "Try `iscsiadm --help' for more information.\n");
    EXPECT_EQ(Parsed({"-k", "0"}).command.kill_priority, 0);
}

TEST(Options, AmbiguousAbbreviationsNameTheirPossibilities) {
    EXPECT_EQ(Parsed({"--p", "1"}).err,
              "iscsiadm: option '--p' is ambiguous; possibilities: '--portal' '--print' "
              "'--packetsize' '--portal_type'\nTry `iscsiadm --help' for more information.\n");
}

TEST(Options, RefuseAPortalThatIsNone) {
    const Parsed parsed({"-m", "node", "-p", "[fe80::1", "-o", "delete"});

    EXPECT_EQ(parsed.status, 7);
    EXPECT_NE(parsed.err.find("[fe80::1"), std::string::npos) << parsed.err;
}

TEST(Options, TakeAnEmptyPortalAndTargetForNone) {
    const Parsed parsed({"-m", "node", "-p", "", "-T", ""});

    ASSERT_FALSE(parsed.status);
    EXPECT_FALSE(parsed.command.portal);
    EXPECT_FALSE(parsed.command.target);
}

TEST(Options, CheckIfaceNames) {
    EXPECT_FALSE(Parsed({"-m", "node", "-I", std::string(64, 'x').c_str()}).status);
    const Parsed parsed({"-m", "node", "-I", std::string(65, 'x').c_str()});
    EXPECT_EQ(parsed.status, 7);
    EXPECT_EQ(parsed.err, "");
    EXPECT_TRUE(parsed.out.starts_with("Invalid iface name xxx")) << parsed.out;
}

TEST(Options, NumbersAreReadLeniently) {
    EXPECT_EQ(Parsed({"-m", "node", "-P", "abc"}).command.level(), 0);
    EXPECT_EQ(Parsed({"-m", "node", "-P", "1x"}).command.level(), 1);
    EXPECT_EQ(Parsed({"-m", "node", "-P", "99999999999"}).command.level(), 1215752191);
    EXPECT_EQ(Parsed({"-m", "node"}).command.level(), -1);
}

TEST(Options, SessionIdsAreStrict) {
    EXPECT_EQ(Parsed({"-m", "session", "-r", "7"}).command.sid, 7U);
    for (const char* bad : {"0", "-1", "1x", "", "99999999999999999999", "/nonexistent"}) {
        const Parsed parsed({"-m", "session", "-r", bad});
        EXPECT_EQ(parsed.status, 1) << bad;
        EXPECT_EQ(parsed.err,
                  std::string("iscsiadm: ") + bad + " is an invalid session ID or path\n");
    }
    EXPECT_EQ(Parsed({"-m", "session", "-r", "/tmp"}).status, 7);
}

TEST(Options, PortalTypeTakesItsWordAfterAnEqualsSign) {
    EXPECT_EQ(Parsed({"-m", "host", "--portal_type=ipv6"}).command.portal_type, "ipv6");
    EXPECT_EQ(Parsed({"-m", "host", "-A", "ipv6"}).command.portal_type, "ipv6");
    EXPECT_EQ(Parsed({"-m", "host", "--portal_type", "ipv6"}).command.portal_type, "");
}

TEST(OptionTable, HasEachLetterAndNameOnce) {
    std::set<char> letters;
    std::set<std::string_view> names;
    for (const auto& option : options()) {
        EXPECT_TRUE(letters.insert(option.letter).second) << option.letter;
        EXPECT_TRUE(names.insert(option.name).second) << option.name;
        EXPECT_FALSE(option.help.empty()) << option.name;
    }
}

// Each option that the usage text shows for a mode is one that the mode takes, with open-iscsi's
// own exceptions.
TEST(OptionTable, AgreesWithTheUsageText) {
    const std::set<std::pair<std::string_view, char>> untrue = {
        {"discovery", 'W'},  // refused in this mode, and useful only with logins
    };
    for (const auto& mode : modes()) {
        for (std::size_t at = mode.synopsis.find(" -"); at != std::string_view::npos;
             at = mode.synopsis.find(" -", at + 1)) {
            const char letter = mode.synopsis[at + 2];
            if (untrue.contains({mode.word, letter})) continue;
            const auto option = std::ranges::find(options(), letter, &OptionInfo::letter);
            ASSERT_NE(option, options().end()) << letter;
            EXPECT_TRUE(option->modes.has(mode.mode)) << mode.word << " -" << letter;
        }
    }
}

std::string manual_section() {
    std::string section;
    for (const auto& option : options()) {
        section += option.letter == kJsonOption
                       ? fmt::format(".It Fl -{}", option.name)
                       : fmt::format(".It Fl {} , -{}", option.letter, option.name);
        if (!option.argument.empty()) section += fmt::format(" Ar {}", option.argument);
        section += fmt::format("\n{}.\n", option.help);
    }
    return section;
}

TEST(OptionTable, StandsInTheManual) {
    std::ifstream file(ISCSIADM_MANUAL);
    const std::string manual{std::istreambuf_iterator<char>(file), {}};

    EXPECT_NE(manual.find(manual_section()), std::string::npos)
        << "the section Options of doc/iscsiadm.8 should be:\n"
        << manual_section();
}

}  // namespace
}  // namespace iscsi::iscsiadm

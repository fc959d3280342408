// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsid/options.hpp"

#include <fmt/format.h>
#include <getopt.h>

#include <array>
#include <limits>
#include <string_view>

#include "base/numbers.hpp"
#include "base/version.hpp"
#include "config.h"

namespace iscsi::iscsid {

namespace {

constexpr std::string_view kConfigFile = ISCSI_HOMEDIR "/iscsid.conf";
constexpr std::string_view kInitiatorNameFile = ISCSI_HOMEDIR "/initiatorname.iscsi";
constexpr std::string_view kPidFile = "/run/iscsid.pid";
constexpr std::string_view kTry = "Try `iscsid --help' for more information.\n";

std::string usage() {
    return fmt::format(
        "Usage: iscsid [OPTION]\n"
        "Open-iSCSI initiator daemon.\n"
        "  -c, --config=[path]     Execute using the config file ({}).\n"
        "  -i, --initiatorname=[path]     read initiatorname from file ({}).\n"
        "  -f, --foreground        Make the program run in the foreground\n"
        "  -d, --debug debuglevel  Print debugging information\n"
        "  -u, --uid=uid           Run as uid, default is current user\n"
        "  -g, --gid=gid           Run as gid, default is current user group\n"
        "  -n, --no-pid-file       Do not use a pid file\n"
        "  -p, --pid=pidfile       Use pid file (default {}).\n"
        "  -h, --help              Display this help and exit\n"
        "  -v, --version           Display version and exit\n",
        kConfigFile, kInitiatorNameFile, kPidFile);
}

Leave mistake(std::string_view what) {
    return {.status = 1, .err = fmt::format("{}{}{}", what, what.empty() ? "" : "\n", kTry)};
}

const std::array kLongOptions = {option{"config", required_argument, nullptr, 'c'},
                                 option{"initiatorname", required_argument, nullptr, 'i'},
                                 option{"foreground", no_argument, nullptr, 'f'},
                                 option{"debug", required_argument, nullptr, 'd'},
                                 option{"uid", required_argument, nullptr, 'u'},
                                 option{"gid", required_argument, nullptr, 'g'},
                                 option{"no-pid-file", no_argument, nullptr, 'n'},
                                 option{"pid", required_argument, nullptr, 'p'},
                                 option{"help", no_argument, nullptr, 'h'},
                                 option{"version", no_argument, nullptr, 'v'},
                                 option{nullptr, 0, nullptr, 0}};

std::optional<std::uint32_t> parse_id(std::string_view text) {
    const auto number = base::parse_unsigned(text);
    if (!number || *number > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
    return static_cast<std::uint32_t>(*number);
}

// One option of the command line; something to leave with, or nothing.
struct Parser {
    Options options;
    bool pid_given = false;
    bool no_pid = false;

    std::optional<Leave> take(int letter) {
        const std::string_view argument = optarg != nullptr ? optarg : "";
        switch (letter) {
            case 'c':
                options.config_file = argument;
                return std::nullopt;
            case 'i':
                options.initiatorname_file = argument;
                return std::nullopt;
            case 'f':
                options.foreground = true;
                return std::nullopt;
            case 'd':
                options.debug = static_cast<int>(base::parse_unsigned(argument).value_or(0) & 0xff);
                return std::nullopt;
            case 'u':
                options.uid = parse_id(argument);
                if (!options.uid) return mistake(fmt::format("error: bad uid {}", argument));
                return std::nullopt;
            case 'g':
                options.gid = parse_id(argument);
                if (!options.gid) return mistake(fmt::format("error: bad gid {}", argument));
                return std::nullopt;
            case 'n':
                no_pid = true;
                return std::nullopt;
            case 'p':
                pid_given = true;
                options.pid_file = argument;
                return std::nullopt;
            case 'h':
                return Leave{.status = 0, .out = usage()};
            case 'v':
                return Leave{.status = 0,
                             .out = fmt::format("iscsid version {}\n", base::kVersion)};
            default:
                return mistake("");
        }
    }
};

}  // namespace

std::variant<Options, Leave> parse_options(int argc, char* argv[]) {
    Parser parser;
    parser.options.config_file = kConfigFile;
    parser.options.initiatorname_file = kInitiatorNameFile;
    parser.options.pid_file = kPidFile;
    optind = 0;  // GNU: start anew
    for (;;) {
        const int letter =
            ::getopt_long(argc, argv, "c:i:fd:nu:g:p:hv", kLongOptions.data(), nullptr);
        if (letter == -1) break;
        if (auto leave = parser.take(letter)) return std::move(*leave);
    }
    if (parser.no_pid && parser.pid_given) {
        return mistake("error: Conflicting PID-file options requested");
    }
    if (parser.options.foreground && parser.pid_given) {
        return mistake("error: PID file specified but unused in foreground mode");
    }
    if (parser.no_pid || parser.options.foreground) parser.options.pid_file.clear();
    return std::move(parser.options);
}

}  // namespace iscsi::iscsid

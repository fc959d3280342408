// SPDX-License-Identifier: LGPL-2.1-or-later
// The command line of iscsid.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace iscsi::iscsid {

struct Options {
    std::string config_file;
    std::string initiatorname_file;
    std::string pid_file;  // empty: none is used
    bool foreground = false;
    int debug = 0;
    std::optional<std::uint32_t> uid;
    std::optional<std::uint32_t> gid;
};

// The program ends here: help, version, or a mistake.
struct Leave {
    int status = 0;
    std::string out;  // for stdout
    std::string err;  // for stderr
};

// argv as main() has it. getopt's own complaints go to stderr.
std::variant<Options, Leave> parse_options(int argc, char* argv[]);

}  // namespace iscsi::iscsid

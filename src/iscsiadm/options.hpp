// SPDX-License-Identifier: LGPL-2.1-or-later
// The options of iscsiadm, declared once: letter, long name, argument, modes that take it, help.
// Parsing, the check which options a mode allows, usage, manual page and completion read this
// table.
#pragma once

#include <initializer_list>
#include <span>
#include <string_view>
#include <variant>

#include "iscsiadm/command.hpp"
#include "iscsiadm/output.hpp"

namespace iscsi::iscsiadm {

class Modes {
public:
    constexpr Modes() = default;
    constexpr Modes(std::initializer_list<Mode> modes) {
        for (const Mode mode : modes) bits_ |= 1u << static_cast<unsigned>(mode);
    }
    constexpr bool has(Mode mode) const {
        return (bits_ & (1u << static_cast<unsigned>(mode))) != 0;
    }

private:
    unsigned bits_ = 0;
};

// In place of a letter for options that have only a long name.
inline constexpr char kJsonOption = '\1';

struct OptionInfo {
    char letter;
    std::string_view name;
    std::string_view argument;  // its name in the manual; empty: takes none
    Modes modes;                // empty: for no mode
    std::string_view help;
    // Compat: --portal_type takes its argument only after '=' (-A like any other option).
    bool long_argument_optional = false;
};

struct ModeInfo {
    Mode mode;
    std::string_view word;      // of -m
    std::string_view title;     // in "TITLE mode: option '-T' is not allowed/supported"
    std::string_view synopsis;  // its line of the usage text
};

// A word of -o, and the modes in which it does something.
struct OpInfo {
    std::string_view word;
    Op op;
    Modes modes;
};

std::span<const OptionInfo> options();
std::span<const OpInfo> operations();
std::span<const ModeInfo> modes();

// Ends the program with this status; everything has been said.
struct Exit {
    int status;
};

// Reads the command line; args[0] is the program. Faults are reported on `output` (and by getopt on
// standard error), -h and -V are done here.
std::variant<Command, Exit> parse(std::span<const char* const> args, Output& output);

// The text of -h.
void print_usage(Output& output);
// "Try `iscsiadm --help' for more information."; returns the exit status of a wrong usage.
int suggest_help(Output& output);

}  // namespace iscsi::iscsiadm

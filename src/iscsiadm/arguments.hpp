// SPDX-License-Identifier: LGPL-2.1-or-later
// Takes a command line apart by GNU getopt_long's rules and with its words, but without its global
// state: iscsiadm looks ahead over the whole line when it meets -m.
//
//   -a -b -ab      flags, together or apart        --name         any unambiguous abbreviation
//   -pARG -p ARG   an argument                     --name=ARG --name ARG
//   --             ends the options                anything else is an operand, passed over
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "iscsiadm/options.hpp"

namespace iscsi::iscsiadm {

struct Argument {
    char letter = 0;                  // of the option; '?' for a fault
    std::optional<std::string> text;  // its argument
    // Of a fault: the message that getopt prints, and the offending letter; 0 for a long option
    // that nobody knows.
    std::string fault;
    char fault_letter = 0;
    bool operator==(const Argument&) const = default;
};

class ArgumentReader {
public:
    // args[0] is the program's name, as messages show it. The arguments are borrowed.
    ArgumentReader(std::span<const char* const> args, std::span<const OptionInfo> options)
        : args_(args), options_(options) {}

    // nullopt at the end.
    std::optional<Argument> next();

private:
    Argument read_long(std::string_view text);
    Argument read_short();
    Argument fault(char letter, std::string message) const;
    std::optional<std::string> following();

    std::span<const char* const> args_;
    std::span<const OptionInfo> options_;
    std::size_t position_ = 1;
    std::string_view cluster_;  // what is left of "-abc"
};

// Whether an option with this letter is among them, wrongly used or not.
bool has_option(std::span<const char* const> args, std::span<const OptionInfo> options,
                char letter);

}  // namespace iscsi::iscsiadm

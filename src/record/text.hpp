// SPDX-License-Identifier: LGPL-2.1-or-later
// Records as text: files, iscsid.conf, and what `-o show` prints.
//
//   # BEGIN RECORD 2.1.8
//   key = value
//   # END RECORD
//
// The functions exist for Node, Iface, SendTargets, Isns, HostChap and Flashnode.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "record/schema.hpp"

namespace iscsi::record {

// Something wrong in a text that did not stop the reading; where open-iscsi notices it, worded as
// there.
struct Warning {
    std::size_t line;  // from 1; 0: the text is fine, but not for others' eyes or hands
    std::string text;
    bool operator==(const Warning&) const = default;
};

// Whether the text can be a record's at all: one line names a key. Anything else is what a crash or
// a mistake left in a record's place.
bool is_record(std::string_view text);

struct ParseOptions {
    // Record files keep keys that we do not know; iscsid.conf has keys for others, which are no
    // concern of a record made from it.
    bool keep_unknown = true;
    // Numbers out of a key's range are left out too.
    bool enforce_ranges = false;
};

// Applies the text to `record`, key by key; the last of repeated keys wins. Never fails: a line
// that cannot be understood is left out, keeps what the record had, and gives a warning. Rules:
// blank lines and lines that start with '#' are skipped; a name, white space, '=', then the value
// up to the end of the line; lines over kLineBytesMax are left out.
template <class Record>
std::vector<Warning> parse_into(Record& record, std::string_view text,
                                const ParseOptions& options = {});

// The assignments of a text, by the same rules, whoever knows their keys.
struct AssignedLine {
    std::size_t line;  // from 1
    std::string_view name;
    std::string_view value;
};
std::vector<AssignedLine> assigned_lines(std::string_view text);

// The text of a record's file: secrets in clear, empty values left out.
template <class Record>
std::string print_file(const Record& record);

// The text that -o show prints: empty values as <empty>, secrets as ******** unless `reveal`.
template <class Record>
std::string print_shown(const Record& record, bool reveal_secrets);

// One iscsi_ifacename-style value as flat lists print it: "<empty>" for nothing.
std::string_view or_empty(std::string_view value);

}  // namespace iscsi::record

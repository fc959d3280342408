// SPDX-License-Identifier: LGPL-2.1-or-later
// Where iscsiadm's words go. Results are lines on standard output; everything else is a line on
// standard error with the program's name in front. Scripts match both, so nothing else is printed.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "iscsiadm/progress.hpp"

namespace iscsi::iscsiadm {

class Output {
public:
    // The streams are borrowed.
    explicit Output(std::FILE* results = stdout, std::FILE* errors = stderr)
        : results_(results), errors_(errors), progress_(errors) {}

    template <class... Args>
    void line(fmt::format_string<Args...> format, Args&&... args) {
        text(fmt::format(format, std::forward<Args>(args)...));
        text("\n");
    }
    void text(std::string_view text);
    // Writes out what is still held. Returns 0, or errno of the first result that was lost.
    int flush();

    template <class... Args>
    void error(fmt::format_string<Args...> format, Args&&... args) {
        error_text(fmt::format(format, std::forward<Args>(args)...));
    }
    // A text of several lines gets the program's name before each.
    void error_text(std::string_view text);
    // Something that a person at a terminal should know although all is well. Clients take words on
    // standard error for a failure, and further lines on standard output for results.
    void notice(std::string_view text);
    // The way out of an error that has been printed; see hints.hpp. Nothing for an empty text.
    void hint(std::string_view text);
    // A line without the program's name.
    void plain_error(std::string_view text);

    // From now on errors are remembered too, line by line and without the program's name.
    void keep_errors() { keeps_errors_ = true; }
    bool keeps_errors() const { return keeps_errors_; }
    const std::vector<std::string>& errors() const { return kept_errors_; }

    // What an operator sees of an answer of iscsid: "initiator reported error (15 - session
    // exists)". Nothing for Success.
    void reported(base::ErrorCode code);

    // What stands on the terminal while a command waits; see Waiting.
    Progress& progress() { return progress_; }

private:
    void print_error(std::string_view text);

    std::FILE* results_;
    std::FILE* errors_;
    int lost_ = 0;  // see flush()
    bool keeps_errors_ = false;
    std::vector<std::string> kept_errors_;
    Progress progress_;
};

// The command waits as long as this lives.
class Waiting {
public:
    Waiting(Output& output, std::string text) : output_(output) {
        output_.progress().begin(std::move(text));
    }
    ~Waiting() { output_.progress().end(); }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

private:
    Output& output_;
};

}  // namespace iscsi::iscsiadm

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/output.hpp"

#include <unistd.h>

#include <cerrno>

#include "base/numbers.hpp"

namespace iscsi::iscsiadm {

void Output::text(std::string_view text) {
    progress_.hide();
    const auto written = std::fwrite(text.data(), 1, text.size(), results_);
    if (written < text.size() && lost_ == 0) lost_ = errno;
}

int Output::flush() {
    if (std::fflush(results_) != 0 && lost_ == 0) lost_ = errno;
    return lost_;
}

void Output::error_text(std::string_view text) {
    for (const auto line : base::split(text, '\n')) {
        print_error(fmt::format("iscsiadm: {}", line));
        if (keeps_errors_) kept_errors_.emplace_back(line);
    }
}

void Output::notice(std::string_view text) {
    if (::isatty(::fileno(errors_)) == 1) error_text(text);
}

void Output::hint(std::string_view text) {
    if (!text.empty()) error("hint: {}", text);
}

void Output::plain_error(std::string_view text) {
    print_error(text);
    if (keeps_errors_) kept_errors_.emplace_back(text);
}

void Output::print_error(std::string_view text) {
    progress_.hide();
    const auto whole = fmt::format("{}\n", text);
    std::fwrite(whole.data(), 1, whole.size(), errors_);
}

void Output::reported(base::ErrorCode code) {
    if (code == base::ErrorCode::Success) return;
    error("initiator reported error ({} - {})", std::to_underlying(code), base::error_text(code));
}

}  // namespace iscsi::iscsiadm

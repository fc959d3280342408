// SPDX-License-Identifier: LGPL-2.1-or-later
// The log facade, the only global: programs install a sink once at start. Library folders log at
// debug level only; whoever handles an error for good logs it once.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>

namespace iscsi::base {

enum class LogLevel : std::uint8_t { Error, Warning, Info, Debug };

using LogSink = std::function<void(LogLevel level, std::string_view text)>;

// Not thread-safe: called once in main() before threads start. An empty sink drops everything.
void set_log_sink(LogSink sink, LogLevel most_verbose);
bool log_enabled(LogLevel level);
void log_text(LogLevel level, std::string_view text);

template <class... Args>
void log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
    if (log_enabled(level)) log_text(level, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace iscsi::base

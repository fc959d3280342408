// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/session_id.hpp"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <optional>
#include <string_view>

#include "base/numbers.hpp"

namespace iscsi::iscsiadm {

namespace {

constexpr std::string_view kSessionPrefix = "session";

std::optional<std::uint64_t> sid_of_path(const std::filesystem::path& path) {
    std::optional<std::uint64_t> sid;
    for (const auto& part : path) {
        const std::string name = part.string();
        if (!name.starts_with(kSessionPrefix)) continue;
        if (const auto number = base::parse_unsigned(name.substr(kSessionPrefix.size()))) {
            sid = number;
        }
    }
    return sid;
}

// Compat: blanks and a plus before a number are no fault.
std::string_view without_prefix(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    if (text.starts_with('+')) text.remove_prefix(1);
    return text;
}

}  // namespace

std::expected<std::uint64_t, BadSessionId> parse_session_id(const std::string& text) {
    const auto number = base::parse_unsigned(without_prefix(text));
    if (number && *number > 0 && *number <= std::numeric_limits<std::int32_t>::max())
        return *number;
    std::error_code error;
    const bool is_directory = std::filesystem::is_directory(text, error);
    if (!is_directory) {
        // Compat: the only place where open-iscsi ends with 1 for a usage error.
        return std::unexpected(
            BadSessionId{fmt::format("{} is an invalid session ID or path", text), 1});
    }
    const auto real = std::filesystem::canonical(text, error);
    const auto sid = error ? std::nullopt : sid_of_path(real);
    if (!sid) {
        return std::unexpected(
            BadSessionId{fmt::format("Could not get dev for {}. Possible sysfs incompatibility.\n"
                                     "invalid sid '{}'",
                                     text.starts_with("/sys/") ? text.substr(4) : text, text),
                         static_cast<int>(base::ErrorCode::Invalid)});
    }
    return *sid;
}

}  // namespace iscsi::iscsiadm

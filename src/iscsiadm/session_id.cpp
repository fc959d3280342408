// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/session_id.hpp"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

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

std::unexpected<BadSessionId> bad(std::string message, int status) {
    return std::unexpected(BadSessionId{std::move(message), status});
}

}  // namespace

std::expected<std::uint64_t, BadSessionId> parse_session_id(const std::string& text) {
    const auto number = base::parse_unsigned(without_prefix(text));
    if (number && *number > 0 && *number <= std::numeric_limits<std::int32_t>::max())
        return *number;
    std::error_code error;
    // Compat: the only place where open-iscsi ends with 1 for a usage error.
    if (!std::filesystem::exists(text, error)) {
        return bad(fmt::format("{} is an invalid session ID or path", text), 1);
    }
    if (!std::filesystem::is_directory(text, error)) {
        return bad(fmt::format("{} is not a directory", text), 1);
    }
    constexpr int kInvalid = static_cast<int>(base::ErrorCode::Invalid);
    const auto real = std::filesystem::canonical(text, error);
    // Compat: a disk does not stand for its session.
    const bool is_disk = text.starts_with("/sys/block/");
    if (error || is_disk || !real.string().contains(kSessionPrefix)) {
        return bad(fmt::format("Could not get dev for {}. Possible sysfs incompatibility.\n"
                               "invalid sid '{}'",
                               text.starts_with("/sys/") ? text.substr(4) : text, text),
                   kInvalid);
    }
    const auto sid = sid_of_path(real);
    if (sid) return *sid;
    return bad(fmt::format("Unable to find sid in path {}\ninvalid sid '{}'", text, text),
               kInvalid);
}

}  // namespace iscsi::iscsiadm

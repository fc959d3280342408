// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsid/settings.hpp"

#include <unistd.h>

#include <array>

#include "base/log.hpp"
#include "base/numbers.hpp"
#include "os/files.hpp"

namespace iscsi::iscsid {

using base::LogLevel;

namespace {

constexpr std::size_t kConfigBytesMax = 1024 * 1024;

// The first line that contains the key with no '#' before it; the value is what follows '='.
std::string find_value(std::string_view text, std::string_view key) {
    for (const std::string_view line : base::split(text, '\n')) {
        const std::size_t at = line.substr(0, line.find('#')).find(key);
        if (at == std::string_view::npos) continue;
        const std::size_t equals = line.find('=', at);
        if (equals == std::string_view::npos) continue;
        return std::string(base::trim(line.substr(equals + 1)));
    }
    return {};
}

std::string host_name() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) return {};
    return name.data();
}

}  // namespace

Settings load_settings(const SettingsPaths& paths) {
    Settings settings;
    os::Files& files = os::system_files();
    if (const auto text = files.read(paths.config_file, kConfigBytesMax)) {
        settings.safe_logout = find_value(*text, "iscsid.safe_logout") == "Yes";
        settings.user_fallback = find_value(*text, "iscsid.user_fallback") != "No";
    } else {
        base::log(LogLevel::Warning, "{}; using defaults",
                  os::fail_file(base::ErrorCode::Database, text.error(), paths.config_file)
                      .error()
                      .message);
    }
    if (const auto text = files.read(paths.initiatorname_file, kConfigBytesMax)) {
        settings.initiator_name = find_value(*text, "InitiatorName");
        settings.initiator_alias = find_value(*text, "InitiatorAlias");
    }
    if (settings.initiator_name.empty()) {
        base::log(LogLevel::Warning,
                  "Warning: InitiatorName file {} does not exist or does not contain a properly "
                  "formatted InitiatorName. Logins are refused until it has a line like "
                  "InitiatorName=iqn.2001-04.com.example:name (iscsi-iname makes one) and iscsid "
                  "has read it (SIGHUP).",
                  paths.initiatorname_file);
    }
    if (settings.initiator_alias.empty()) settings.initiator_alias = host_name();
    return settings;
}

}  // namespace iscsi::iscsid

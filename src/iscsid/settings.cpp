// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsid/settings.hpp"

#include <unistd.h>

#include <array>

#include "base/log.hpp"
#include "os/files.hpp"
#include "store/conf.hpp"

namespace iscsi::iscsid {

using base::LogLevel;

namespace {

constexpr std::size_t kConfigBytesMax = 1024 * 1024;

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
        settings.safe_logout = store::find_simple_value(*text, "iscsid.safe_logout") == "Yes";
        settings.user_fallback = store::find_simple_value(*text, "iscsid.user_fallback") != "No";
    } else {
        base::log(LogLevel::Warning, "{}; using defaults",
                  os::fail_file(base::ErrorCode::Database, text.error(), paths.config_file)
                      .error()
                      .message);
    }
    if (auto identity = store::load_identity(files, paths.initiatorname_file)) {
        settings.initiator_name = std::move(identity->initiator_name);
        settings.initiator_alias = std::move(identity->initiator_alias);
    } else {
        base::log(LogLevel::Warning,
                  "Warning: InitiatorName file {} does not exist or does not contain a properly "
                  "formatted InitiatorName. {}. Logins are refused until it does and iscsid has "
                  "read it again (SIGHUP).",
                  paths.initiatorname_file, identity.error().message);
    }
    if (settings.initiator_alias.empty()) settings.initiator_alias = host_name();
    return settings;
}

}  // namespace iscsi::iscsid

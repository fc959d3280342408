// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsid/settings.hpp"

#include <unistd.h>

#include <array>
#include <span>

#include "base/log.hpp"
#include "os/files.hpp"
#include "store/conf.hpp"

namespace iscsi::iscsid {

using base::LogLevel;

namespace {

std::string host_name() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) return {};
    return name.data();
}

void log_warnings(const std::string& path, std::span<const record::Warning> warnings) {
    for (const auto& warning : warnings) {
        base::log(LogLevel::Warning, "{}: {}", path, warning.text);
    }
}

}  // namespace

Settings load_settings(const SettingsPaths& paths) {
    Settings settings;
    os::Files& files = os::system_files();
    if (const auto conf = store::load_conf(files, paths.config_file)) {
        settings.node_defaults = conf->node;
        settings.safe_logout = conf->daemon.safe_logout;
        settings.user_fallback = conf->daemon.user_fallback;
        log_warnings(paths.config_file, conf->warnings);
        log_warnings(paths.config_file, conf->unknown_keys);
    } else {
        base::log(LogLevel::Warning, "{}; using defaults", conf.error().message);
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

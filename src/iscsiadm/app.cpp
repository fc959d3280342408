// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/app.hpp"

#include <syslog.h>

#include <algorithm>
#include <utility>

#include "iscsiadm/sessions.hpp"
#include "os/log_socket.hpp"
#include "os/resolve.hpp"

namespace iscsi::iscsiadm {

App::App(const Command& command, Output& output, store::Paths paths)
    : command_(command),
      output_(output),
      report_(command.json ? json_report(output) : text_report(output)),
      store_(std::move(paths)),
      daemon_(store_.paths().config_file()) {
    store_.set_same_address(os::same_address);
    store_.set_in_use([this](const record::Node& node) { return in_use(node); });
    store_.set_on_warning(
        [this](const std::string& path, const record::Warning& warning) { warn(path, warning); });
}

void App::warn(const std::string& path, const record::Warning& warning) {
    const auto text = fmt::format("{}: {}", path, warning.text);
    if (warning.line != 0) return output_.error_text(text);
    // Nothing is wrong with the command: somebody else could read or change a file.
    output_.notice(text);
    os::LogSocket("iscsiadm").write(LOG_WARNING, text);
}

const store::Conf& App::conf() {
    if (conf_) return *conf_;
    std::string path = store_.paths().config_file();
    if (const auto& info = daemon_.info(); info && !info->config_file.empty()) {
        path = info->config_file;
    }
    auto loaded = store::load_conf(os::system_files(), path);
    // Compat: no file is no fault, the built-in defaults serve.
    conf_ = loaded ? std::move(*loaded) : store::Conf{};
    for (const auto& warning : conf_->warnings) warn(path, warning);
    return *conf_;
}

base::Result<store::Identity> App::identity() {
    if (const auto& info = daemon_.info()) {
        return store::Identity{.initiator_name = info->initiator_name,
                               .initiator_alias = info->initiator_alias};
    }
    return store::load_identity(os::system_files(), store_.paths().initiatorname_file());
}

const std::vector<control::SessionInfo>& App::sessions() {
    if (sessions_) return *sessions_;
    auto listed = list_sessions(daemon_, {.unfinished = true});
    if (!listed) output_.error_text(listed.error().message);
    sessions_known_ = listed.has_value();
    sessions_ = listed ? std::move(listed->sessions) : Sessions{};
    return *sessions_;
}

bool App::in_use(const record::Node& node) {
    const bool used = std::ranges::any_of(sessions(), [&](const control::SessionInfo& session) {
        return uses(session, node, os::same_address);
    });
    return used || !sessions_known_;
}

base::Result<std::vector<record::Iface>> App::iface_records() {
    ISCSI_TRY(auto list, store_.ifaces());
    for (const auto& problem : list.problems) output_.error_text(problem.message);
    return std::move(list.ifaces);
}

base::Result<store::NodePattern> App::pattern() {
    store::NodePattern pattern{
        .target = command_.target, .portal = command_.portal, .iface = std::nullopt};
    // Compat: an empty portal is any at the default port.
    if (command_.portal_is_empty) pattern.portal.emplace();
    if (command_.ifaces.empty()) return pattern;
    const auto& name = command_.ifaces.front();
    if (command_.ifaces.size() > 1) {
        output_.error("NODE mode only accepts one interface. Using the first one {}.", name);
    }
    auto iface = store_.load_iface(name);
    if (!iface && iface.error().code == base::ErrorCode::Invalid) {
        return std::unexpected(std::move(iface).error());  // no name of an iface
    }
    if (!iface) {
        // Compat: 3, "no available memory", is what open-iscsi returns here.
        return base::fail(base::ErrorCode::NoMemory, "Could not read iface info for {}.", name);
    }
    pattern.iface = std::move(*iface);
    return pattern;
}

record::Iface App::iface_for_records(const std::optional<record::Iface>& iface) {
    if (iface && iface->iscsi_ifacename != record::kDefaultIface) return *iface;
    record::Iface from_conf = conf().node.iface;
    from_conf.iscsi_ifacename = record::kDefaultIface;
    from_conf.transport_name = "tcp";
    return from_conf;
}

base::Status App::tell(const base::Result<record::Notes>& updated) {
    if (!updated) return std::unexpected(updated.error());
    for (const auto& note : *updated) output_.error_text(note);
    return {};
}

int App::fail(const base::Error& error) { return fail(error.code, error.message); }

int App::fail(base::ErrorCode code, std::string_view message) {
    if (!message.empty()) output_.error_text(message);
    return status_of(code);
}

}  // namespace iscsi::iscsiadm

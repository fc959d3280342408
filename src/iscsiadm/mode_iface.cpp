// SPDX-License-Identifier: LGPL-2.1-or-later
// -m iface: records of interfaces.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "iscsiadm/app.hpp"
#include "iscsiadm/iface_files.hpp"
#include "iscsiadm/ping.hpp"

namespace iscsi::iscsiadm {

namespace {

using base::ErrorCode;

constexpr int kSuccess = 0;

// Those with files, then the built-in ones that open-iscsi has too. Scripts read this list, so our
// own `user` is in it only when a record makes it of interest.
base::Result<std::vector<record::Iface>> listed_ifaces(App& app) {
    ISCSI_TRY(auto ifaces, app.iface_records());
    ifaces.push_back(record::builtin_iface(record::kDefaultIface));
    ifaces.push_back(record::builtin_iface(record::kIserIface));
    const auto user = record::builtin_iface(record::kUserIface);
    const auto known = [](const record::Iface& iface) {
        return iface.iscsi_ifacename == record::kUserIface;
    };
    if (std::ranges::any_of(ifaces, known)) return ifaces;
    ISCSI_TRY(const auto bound, app.store().find({.iface = user}));
    if (!bound.empty()) ifaces.push_back(user);
    return ifaces;
}

int print_tree(App& app, const std::vector<record::Iface>& ifaces) {
    const auto nodes = app.store().find({});
    if (!nodes) return app.fail(nodes.error());
    // Compat: without any node record nothing is printed at all.
    if (nodes->empty()) return kSuccess;
    std::vector<IfaceBinding> bindings;
    for (const auto& iface : ifaces) {
        auto& binding = bindings.emplace_back(IfaceBinding{.iface = iface.iscsi_ifacename});
        std::ranges::copy_if(
            *nodes, std::back_inserter(binding.nodes),
            [&](const store::NodeId& id) { return id.iface == iface.iscsi_ifacename; });
    }
    app.report().bindings(bindings);
    return kSuccess;
}

bool level_is_known(App& app) {
    const auto level = app.command().level();
    if (level <= 1) return true;
    app.out().error("Invalid info level {}. Try 0 - 1.", level);
    return false;
}

int list(App& app) {
    if (!level_is_known(app)) return status_of(ErrorCode::Invalid);
    const auto level = app.command().level();
    const auto ifaces = listed_ifaces(app);
    if (!ifaces) return app.fail(ifaces.error());
    if (level == 1) return print_tree(app, *ifaces);
    app.report().ifaces(*ifaces);
    return kSuccess;
}

void done(App& app, Event::What what, const std::string& name, std::string text) {
    app.report().event({.what = what, .text = std::move(text), .name = name});
}

// Compat: an unknown iface is a failure of the database (6) in this mode.
ErrorCode code_here(ErrorCode code) {
    return code == ErrorCode::NoObjectsFound ? ErrorCode::Database : code;
}

int show(App& app, const std::string& name) {
    if (!level_is_known(app)) return status_of(ErrorCode::Invalid);
    // Compat: of the example that old packages brought, nothing is said.
    if (name == store::kExampleIface) return status_of(ErrorCode::Database);
    const auto iface = app.store().load_iface(name);
    if (!iface) return app.fail(code_here(iface.error().code), iface.error().message);
    if (app.command().level() == 1) return print_tree(app, {*iface});
    app.report().record(*iface, app.command().show_secrets);
    return kSuccess;
}

bool is_used(App& app, const std::string& name) {
    return std::ranges::any_of(app.sessions(), [&](const control::SessionInfo& session) {
        return session.iface_name == name;
    });
}

int report_update_failure(App& app, const std::string& name, const base::Error& error) {
    app.out().error_text(error.message);
    app.out().error("Could not update iface {}: {}", name, base::error_text(error.code));
    app.hint<record::Iface>();
    // Compat: a refused update of an iface ends with success.
    return kSuccess;
}

int apply_update(App& app, const std::string& name) {
    const auto& assignments = app.command().assignments;
    if (!assignments.empty()) {
        const auto updated = app.tell(app.store().update_iface(name, assignments));
        if (!updated) return report_update_failure(app, name, updated.error());
    }
    done(app, Event::What::IfaceUpdated, name, fmt::format("{} updated.", name));
    return kSuccess;
}

int add(App& app, const std::string& name) {
    if (is_used(app, name)) {
        return app.fail(ErrorCode::SessionExists,
                        fmt::format("Could not create new interface {}.", name));
    }
    record::Iface iface;
    iface.iscsi_ifacename = name;
    const auto added = app.store().add_iface(iface);
    if (!added) {
        app.out().error_text(added.error().message);
        return app.fail(added.error().code,
                        fmt::format("Could not create new interface {}.", name));
    }
    (void)apply_update(app, name);  // says itself what is wrong; the iface has been made
    done(app, Event::What::IfaceAdded, name, fmt::format("New interface {} added", name));
    return kSuccess;
}

int remove(App& app, const std::string& name) {
    const auto removed = app.store().remove_iface(name);
    if (!removed) {
        // Compat: an unknown iface is an invalid parameter (7) here.
        const auto code = removed.error().code == ErrorCode::NoObjectsFound ? ErrorCode::Invalid
                                                                            : removed.error().code;
        app.out().error_text(removed.error().message);
        return app.fail(code,
                        fmt::format("Could not delete iface {}: {}", name, base::error_text(code)));
    }
    done(app, Event::What::IfaceDeleted, name, fmt::format("{} unbound and deleted.", name));
    return kSuccess;
}

int update(App& app, const std::string& name) {
    if (!app.store().load_iface(name)) {
        return app.fail(ErrorCode::Invalid, fmt::format("Could not read iface info for {}.", name));
    }
    if (is_used(app, name)) {
        app.out().error(
            "Updating iface while iscsi sessions are using it. You must logout the running "
            "sessions "
            "then log back in for the new settings to take affect.");
    }
    return apply_update(app, name);
}

int apply(App& app, const std::string& name) {
    const auto iface = app.store().load_iface(name);
    if (!iface) {
        const auto code = code_here(iface.error().code);
        return app.fail(code, fmt::format("Could not read iface {} ({}).", name, status_of(code)));
    }
    // Software transports keep nothing in an adapter.
    app.out().error("Nothing to configure.");
    done(app, Event::What::IfaceApplied, name, fmt::format("{} applied.", name));
    return kSuccess;
}

int apply_all(App& app) {
    const auto host = app.command().host.value_or(0);
    const bool known = std::ranges::any_of(
        app.sessions(),
        [&](const control::SessionInfo& session) { return session.host_no == host; });
    if (!known) app.out().error("Could not read proc_name for host{} rc 5.", host);
    app.out().error("Nothing to configure.");
    done(app, Event::What::HostApplied, fmt::format("host{}", host),
         fmt::format("Applied settings to ifaces attached to host{}.", host));
    return kSuccess;
}

int without_name(App& app) {
    const auto& command = app.command();
    if (command.ops.none() || command.ops.is(Op::Show)) return list(app);
    if (command.ops.is(Op::New)) {
        // Compat: open-iscsi returns errno's EINVAL here.
        app.out().error("Could not add interface. No interface passed in.");
        return EINVAL;
    }
    if (command.ops.is(Op::Delete)) {
        return app.fail(ErrorCode::Invalid, "Could not delete interface. No interface passed in.");
    }
    if (command.ops.is(Op::Update)) {
        return app.fail(ErrorCode::Invalid, "Update requires name, value, and iface.");
    }
    if (command.ops.is(Op::Apply)) return app.fail(ErrorCode::Invalid, "Apply requires iface.");
    if (command.ops.is(Op::ApplyAll)) return apply_all(app);
    return status_of(ErrorCode::Invalid);
}

int with_name(App& app, const std::string& name) {
    const auto& command = app.command();
    if (command.ops.none() || command.ops.is(Op::Show)) return show(app, name);
    if (command.ops.is(Op::New)) return add(app, name);
    if (command.ops.is(Op::Delete)) return remove(app, name);
    if (command.ops.is(Op::Apply)) return apply(app, name);
    if (command.ops.is(Op::Update)) {
        if (command.assignments.empty()) {
            return app.fail(ErrorCode::Invalid, "Update requires name, value, and iface.");
        }
        return update(app, name);
    }
    return command.ops.is(Op::ApplyAll) ? without_name(app) : status_of(ErrorCode::Invalid);
}

}  // namespace

int run_iface_mode(App& app) {
    const auto& command = app.command();
    if (command.host_mac) return app.fail(ErrorCode::Invalid, "Could not match MAC to host.");
    make_iface_directory(app);
    if (command.ifaces.size() > 1) {
        app.out().error("iface mode only accepts one interface. Using the first one {}.",
                        command.ifaces.front());
    }
    if (command.submode == SubMode::Ping) return ping(app);
    if (command.ifaces.empty()) return without_name(app);
    return with_name(app, command.ifaces.front());
}

}  // namespace iscsi::iscsiadm

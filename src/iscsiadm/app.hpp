// SPDX-License-Identifier: LGPL-2.1-or-later
// What every mode works with: the command, where to report, the database, the daemon. Expensive
// things (iscsid.conf, the list of sessions) are fetched when first wanted, and once.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "iscsiadm/command.hpp"
#include "iscsiadm/daemon.hpp"
#include "iscsiadm/hints.hpp"
#include "iscsiadm/output.hpp"
#include "iscsiadm/report.hpp"
#include "store/conf.hpp"
#include "store/store.hpp"

namespace iscsi::iscsiadm {

class App {
public:
    App(const Command& command, Output& output, store::Paths paths);
    App(const App&) = delete;
    App& operator=(const App&) = delete;

    const Command& command() const { return command_; }
    Output& out() { return output_; }
    Report& report() { return *report_; }
    store::Store& store() { return store_; }
    Daemon& daemon() { return daemon_; }

    // The defaults for new records, from the iscsid.conf that the running iscsid uses, else from
    // the configured one. Faults of the file are printed once; without the file the built-in
    // defaults apply.
    const store::Conf& conf();
    // Our name, from the running iscsid, else from the file.
    base::Result<store::Identity> identity();

    // All sessions, those that are being logged in included. Empty when they cannot be listed,
    // which is then printed.
    const std::vector<control::SessionInfo>& sessions();
    // They were changed by us: sessions() shall look again.
    void forget_sessions() { sessions_.reset(); }
    // A session uses this record, or it cannot be known that none does.
    bool in_use(const record::Node& node);

    // The iface records that can be read; the others are named.
    base::Result<std::vector<record::Iface>> iface_records();

    // What -T, -p and -I select. Error: an unknown iface, worded as mode node words it.
    base::Result<store::NodePattern> pattern();

    // What a new record gets from its iface: a copy of it. Without one, or with `default`, that is
    // what iscsid.conf says in iface.* keys.
    record::Iface iface_for_records(const std::optional<record::Iface>& iface);

    // Prints what is remarkable about an update that succeeded.
    base::Status tell(const base::Result<record::Notes>& updated);

    // Says what may be wrong with the assignments of the command, which were refused.
    template <class Record>
    void hint() {
        for (const auto& text : hints_for_update<Record>(command_.assignments)) output_.hint(text);
    }

    // Prints an error; returns the exit status it stands for.
    int fail(const base::Error& error);
    int fail(base::ErrorCode code, std::string_view message);

private:
    void warn(const std::string& path, const record::Warning& warning);
    const Command& command_;
    Output& output_;
    std::unique_ptr<Report> report_;
    store::Store store_;
    Daemon daemon_;
    std::optional<store::Conf> conf_;
    std::optional<std::vector<control::SessionInfo>> sessions_;
    bool sessions_known_ = false;
};

// Refusal to change the transport of a record with a session.
inline constexpr std::string_view kTransportInUse =
    "Cannot modify node/iface transport name while a session is using it. Log out the session then "
    "update record.";

inline int status_of(base::ErrorCode code) { return static_cast<int>(code); }

// The modes. Each returns the exit status.
int run_node_mode(App& app);
int run_session_mode(App& app);
int run_discovery_mode(App& app);  // discovery and discoverydb
int run_iface_mode(App& app);
int run_host_mode(App& app);
int run_firmware_mode(App& app);
int stop_daemon(App& app);  // -k

}  // namespace iscsi::iscsiadm

// SPDX-License-Identifier: LGPL-2.1-or-later
// What a command has to tell, apart from how it is told: as open-iscsi's text (text_report.cpp) or
// as one JSON document (json_report.cpp, --json). Errors are told by Output, in both cases.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "control/messages.hpp"
#include "firmware/boot_targets.hpp"
#include "iscsiadm/output.hpp"
#include "record/discovery.hpp"
#include "record/iface.hpp"
#include "record/node.hpp"
#include "store/paths.hpp"

namespace iscsi::iscsiadm {

// Whom a discovery asks, or asked, and the records that came from there.
struct DiscoverySource {
    record::NodeDiscoveryType type = record::NodeDiscoveryType::SendTargets;
    std::optional<store::DiscoveryId> id;  // none for static records and firmware
    std::vector<store::NodeId> nodes;      // only filled for print levels from 1
};

struct IfaceBinding {
    std::string iface;
    std::vector<store::NodeId> nodes;
};

// What mode host shows of one host.
struct HostView {
    std::uint64_t host_no = 0;
    std::string transport;
    std::string state = "running";
    std::string initiator_name;
    std::string ip_address;
    std::string hw_address;
    std::string netdev;
    std::span<const control::SessionInfo> sessions;
};

// Something that was begun or done.
struct Event {
    enum class What : std::uint8_t {
        LoginBegun,
        Login,
        LogoutBegun,
        Logout,
        RescanBegun,
        Rescan,
        NodeAdded,
        DiscoveryAdded,
        IfaceAdded,
        IfaceUpdated,
        IfaceDeleted,
        IfaceApplied,
        HostApplied,
        Ping,
    };
    What what;
    std::string text;  // open-iscsi's line about it; empty: it has none
    base::ErrorCode code = base::ErrorCode::Success;
    // Whom it concerns.
    std::optional<store::NodeId> node = {};
    std::optional<std::uint64_t> sid = {};
    std::string name = {};
};

class Report {
public:
    virtual ~Report() = default;

    // True when print levels do not matter, since everything is told.
    virtual bool wants_everything() const = 0;

    virtual void nodes(std::span<const store::NodeId> nodes, std::int32_t level) = 0;
    virtual void found(std::span<const store::NodeId> nodes, std::int32_t level) = 0;
    virtual void sources(std::span<const DiscoverySource> sources, std::int32_t level) = 0;
    virtual void ifaces(std::span<const record::Iface> ifaces) = 0;
    virtual void bindings(std::span<const IfaceBinding> bindings) = 0;
    virtual void record(const record::Node& record, bool show_secrets) = 0;
    virtual void record(const record::Iface& record, bool show_secrets) = 0;
    virtual void record(const record::SendTargets& record, bool show_secrets) = 0;
    virtual void record(const record::Isns& record, bool show_secrets) = 0;
    virtual void sessions(std::span<const control::SessionInfo> sessions, std::int32_t level,
                          bool show_secrets) = 0;
    virtual void hosts(std::span<const HostView> hosts, std::int32_t level) = 0;
    virtual void stats(const control::SessionInfo& session, const control::StatsInfo& stats) = 0;
    virtual void boot_targets(std::span<const firmware::BootTarget> targets) = 0;
    // Why others are left out.
    virtual void boot_problems(std::span<const std::string> problems) = 0;
    virtual void event(const Event& event) = 0;

    // The command is over; `status` is what the program ends with.
    virtual void finish(int status) = 0;
};

std::unique_ptr<Report> text_report(Output& output);
std::unique_ptr<Report> json_report(Output& output);

}  // namespace iscsi::iscsiadm

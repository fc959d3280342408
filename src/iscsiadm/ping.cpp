// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/ping.hpp"

#include "os/resolve.hpp"

namespace iscsi::iscsiadm {

namespace {

using base::ErrorCode;

base::Status check(const Command& command) {
    const auto& ping = command.ping;
    if (command.ifaces.empty()) return base::fail(ErrorCode::Invalid, "Ping requires iface.");
    if (!ping.address) {
        return base::fail(ErrorCode::Invalid, "Ping requires destination ipaddress.");
    }
    if (ping.packet_size <= 0) {
        return base::fail(ErrorCode::Invalid, "Invalid packet size: {}.", ping.packet_size);
    }
    if (ping.count <= 0) {
        return base::fail(ErrorCode::Invalid, "Invalid number of packets to transmit: {}.",
                          ping.count);
    }
    if (ping.interval < 0) {
        return base::fail(ErrorCode::Invalid, "Invalid timing interval: {}.", ping.interval);
    }
    return {};
}

}  // namespace

int ping(App& app) {
    const auto& command = app.command();
    if (const auto checked = check(command); !checked) return app.fail(checked.error());
    const auto& name = command.ifaces.front();
    const auto iface = app.store().load_iface(name);
    if (!iface) {
        // Compat: an unknown iface is a failure of the database (6) in this mode.
        const auto code = ErrorCode::Database;
        return app.fail(code, fmt::format("Could not read iface {} ({}).", name, status_of(code)));
    }
    const auto resolved = os::resolve(*command.ping.address);
    if (!resolved) {
        app.out().error_text(resolved.error().message);
        return app.fail(ErrorCode::Invalid, "Invalid IP address.");
    }
    for (std::int32_t i = 1; i <= command.ping.count; ++i) {
        app.report().event({.what = Event::What::Ping,
                            .text = fmt::format("Ping {} failed: {}", i,
                                                base::error_text(ErrorCode::NotSupported)),
                            .code = ErrorCode::NotSupported,
                            .name = *command.ping.address});
    }
    return status_of(ErrorCode::NotSupported);
}

}  // namespace iscsi::iscsiadm

// SPDX-License-Identifier: LGPL-2.1-or-later
// Sessions and hosts as text, print levels 0 to 4. See print_records.hpp about changes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "control/messages.hpp"
#include "iscsiadm/output.hpp"
#include "iscsiadm/report.hpp"

namespace iscsi::iscsiadm {

// -m session: "tcp: [1] 10.0.0.1:3260,1 iqn.x:y (non-flash)".
void print_sessions_flat(Output& out, std::span<const control::SessionInfo> sessions);

struct TreeStyle {
    std::int32_t level = 1;  // 1: interface and states, 2: and parameters, 3: and devices
    bool show_secrets = false;
    std::string_view indent;  // in front of every line
    // Mode host shows less: no timeouts, no CHAP, and the host's number stands elsewhere.
    bool below_host = false;
};
// -m session -P 1..3; neighbours with the same target share its line.
void print_sessions_tree(Output& out, std::span<const control::SessionInfo> sessions,
                         const TreeStyle& style);

// The two lines that precede the most detailed trees.
void print_versions(Output& out);

// -m host: "tcp: [0] 10.0.0.7,[<empty>],<empty> <empty>".
void print_host_flat(Output& out, const HostView& host);
// -m host -P 1..4.
void print_host_tree(Output& out, const HostView& host, std::int32_t level);

// -s: what a session has sent and received.
void print_stats(Output& out, const control::SessionInfo& session, const control::StatsInfo& stats);

}  // namespace iscsi::iscsiadm

// SPDX-License-Identifier: LGPL-2.1-or-later
// Logging in to records, and out of sessions: what modes node, session, discovery and fw share.
#pragma once

#include <span>
#include <vector>

#include "control/messages.hpp"
#include "iscsiadm/app.hpp"
#include "record/node.hpp"

namespace iscsi::iscsiadm {

// Brings each record to its nr_sessions sessions, all at the same time; prints what happens in the
// records' order. Success, or the first error in that order.
base::ErrorCode login_records(App& app, std::span<const record::Node> records);
// One session more, however many there are.
base::ErrorCode login_once_more(App& app, const record::Node& record);

base::ErrorCode logout_sessions(App& app, std::span<const control::SessionInfo> sessions);
base::ErrorCode rescan_sessions(App& app, std::span<const control::SessionInfo> sessions);
base::ErrorCode report_stats(App& app, std::span<const control::SessionInfo> sessions);

}  // namespace iscsi::iscsiadm

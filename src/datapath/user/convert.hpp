// SPDX-License-Identifier: LGPL-2.1-or-later
// Between the values of a data path and those on the wire to iscsi-userd. Private to user/.
#pragma once

#include "datapath/data_path.hpp"
#include "userlink/types.hpp"

namespace iscsi::datapath {

// The record goes along without its secrets: those stay in iscsid.
userlink::SessionConfig to_config(std::uint64_t sid, const SessionSpec& spec);
userlink::Binding to_binding(const LoggedInConnection& connection);
// From what a running process tells. The record is the one without secrets.
Adoptable to_adoptable(const userlink::Status& status);
SessionStatus to_status(const userlink::Status& status);
Stats to_stats(const userlink::Stats& stats);

}  // namespace iscsi::datapath

// SPDX-License-Identifier: LGPL-2.1-or-later
// What the data paths know of a session, in the words of the control socket: for iscsid, and for
// iscsiadm when it asks the sessions' own processes because no iscsid runs.
#pragma once

#include <cstdint>
#include <vector>

#include "control/messages.hpp"
#include "datapath/data_path.hpp"

namespace iscsi::listing {

// All that follows from how a session was made and from its latest login. The caller adds its data
// path, the addresses in use, its states and its LUNs. CHAP secrets only with `secrets`.
control::SessionInfo session_info(std::uint64_t sid, const datapath::SessionSpec& spec,
                                  const session::LoggedIn& login, bool secrets);

std::vector<control::LunInfo> lun_infos(const std::vector<datapath::Lun>& luns);

// The answer to item `index` of a request for statistics.
control::StatsInfo stats_info(std::uint32_t index, std::uint64_t sid, const datapath::Stats& stats);

}  // namespace iscsi::listing

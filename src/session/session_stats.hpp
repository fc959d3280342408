// SPDX-License-Identifier: LGPL-2.1-or-later
// The counters of `iscsiadm -m session -s`, by their names in Linux' struct iscsi_stats.
#pragma once

#include <cstdint>

namespace iscsi::session {

struct SessionStats {
    std::uint64_t txdata_octets = 0;  // bytes sent, headers included
    std::uint64_t rxdata_octets = 0;  // bytes received, headers included
    std::uint64_t noptx_pdus = 0;
    std::uint64_t scsicmd_pdus = 0;
    std::uint64_t tmfcmd_pdus = 0;
    std::uint64_t login_pdus = 0;  // login happens elsewhere: stays 0
    std::uint64_t text_pdus = 0;
    std::uint64_t dataout_pdus = 0;
    std::uint64_t logout_pdus = 0;
    std::uint64_t snack_pdus = 0;
    std::uint64_t noprx_pdus = 0;
    std::uint64_t scsirsp_pdus = 0;
    std::uint64_t tmfrsp_pdus = 0;
    std::uint64_t textrsp_pdus = 0;
    std::uint64_t datain_pdus = 0;
    std::uint64_t logoutrsp_pdus = 0;
    std::uint64_t r2t_pdus = 0;
    std::uint64_t async_pdus = 0;
    std::uint64_t rjt_pdus = 0;
    std::uint64_t digest_err = 0;
    std::uint64_t timeout_err = 0;   // tasks, task management and pings whose time passed
    std::uint64_t eh_abort_cnt = 0;  // ABORT TASK requests sent

    bool operator==(const SessionStats&) const = default;
};

}  // namespace iscsi::session

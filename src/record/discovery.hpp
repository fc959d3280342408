// SPDX-License-Identifier: LGPL-2.1-or-later
// Discovery records (discovery.*): how to ask one SendTargets portal or one iSNS server. Members
// are named as the keys after `discovery.sendtargets.` and `discovery.isns.`; defaults are the
// built-in ones, overridden by iscsid.conf when a record is made (store/conf.hpp).
#pragma once

#include <cstdint>
#include <string>

#include "record/auth.hpp"
#include "record/iface.hpp"
#include "record/words.hpp"

namespace iscsi::record {

struct SendTargetsTimeouts {
    std::int32_t login_timeout = 15;  // seconds, all three
    std::int32_t auth_timeout = 45;
    std::int32_t active_timeout = 30;
    bool operator==(const SendTargetsTimeouts&) const = default;
};

struct SendTargets {
    DiscoveryStartup startup = DiscoveryStartup::Manual;
    DiscoveryType type = DiscoveryType::SendTargets;
    std::string address;
    std::int32_t port = 3260;
    Auth auth;  // chap_algs is stored under the key node.session.auth.chap_algs
    SendTargetsTimeouts timeo;
    bool use_discoveryd = false;
    std::int32_t discoveryd_poll_inval = 30;  // seconds between runs in the background
    std::int32_t reopen_max = 5;
    struct Iscsi {
        std::int32_t max_recv_data_segment_length = 32768;
        bool operator==(const Iscsi&) const = default;
    } iscsi;
    UnknownKeys unknown;

    bool operator==(const SendTargets&) const = default;
};

struct Isns {
    DiscoveryStartup startup = DiscoveryStartup::Manual;
    DiscoveryType type = DiscoveryType::Isns;
    std::string address;  // stored under discovery.sendtargets.address, as open-iscsi does
    std::int32_t port = 3205;
    bool use_discoveryd = false;
    std::int32_t discoveryd_poll_inval = -1;
    UnknownKeys unknown;

    bool operator==(const Isns&) const = default;
};

}  // namespace iscsi::record

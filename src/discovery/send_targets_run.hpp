// SPDX-License-Identifier: LGPL-2.1-or-later
// SendTargets discovery of one portal, from resolving its name to the list of targets: connects,
// logs in, asks, follows redirects, tries again. Blocks until it has an answer or has given up;
// every wait is bounded by the record's timeouts and reopen_max.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "record/discovery.hpp"
#include "record/iface.hpp"

namespace iscsi::discovery {

struct SendTargetsRequest {
    record::SendTargets record;   // whom to ask, how to prove who we are, how long to try
    record::Iface iface;          // what to bind to; its initiatorname wins over ours
    std::string initiator_name;   // must not be empty unless the iface has one
    std::string initiator_alias;  // empty: not sent
};

// One portal of one target, in the order of the target's answer.
struct DiscoveredPortal {
    std::string target;
    std::string address;  // host name or address as the target gave it; IPv6 without brackets
    std::int32_t port = 3260;
    std::int32_t tpgt = -1;  // -1: the target did not say
    bool operator==(const DiscoveredPortal&) const = default;
};

// Lines for the operator, in open-iscsi's words, without the program's name in front.
using LogLine = std::function<void(base::LogLevel level, std::string_view text)>;

// The portals found, perhaps none. The error's code is what iscsiadm exits with; all there is to
// say has been logged by then. `random` is for CHAP: os::SystemRandom outside of tests.
base::Result<std::vector<DiscoveredPortal>> run_send_targets(const SendTargetsRequest& request,
                                                             base::Random& random,
                                                             const LogLine& log);

}  // namespace iscsi::discovery

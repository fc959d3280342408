// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/negotiation_keys.hpp"

#include <algorithm>
#include <array>

namespace iscsi::session {

namespace {

constexpr std::uint32_t kSegmentMin = 512;
constexpr std::uint32_t kSegmentMax = 16777215;  // 2**24 - 1
constexpr std::uint32_t kSecondsMax = 3600;

// In the order of the enumerators. Operational keys may be sent in the operational stage only
// (section 6.3.2); of them only the first can be negotiated again later.
constexpr std::array<KeyRule, kKeyCount> kRules{{
    // 13.1
    {Key::HeaderDigest, "HeaderDigest", Rule::List, kInOperational, true, 0, 0, 0, "None"},
    {Key::DataDigest, "DataDigest", Rule::List, kInOperational, true, 0, 0, 0, "None"},
    // 13.15, 13.16
    {Key::DefaultTime2Wait,
     "DefaultTime2Wait",
     Rule::Maximum,
     kInOperational,
     true,
     0,
     kSecondsMax,
     2,
     {}},
    {Key::DefaultTime2Retain,
     "DefaultTime2Retain",
     Rule::Minimum,
     kInOperational,
     true,
     0,
     kSecondsMax,
     20,
     {}},
    // 13.25
    {Key::IfMarker, "IFMarker", Rule::Obsolete, kInOperational, true, 0, 1, 0, {}},
    {Key::OfMarker, "OFMarker", Rule::Obsolete, kInOperational, true, 0, 1, 0, {}},
    // 13.20
    {Key::ErrorRecoveryLevel,
     "ErrorRecoveryLevel",
     Rule::Minimum,
     kInOperational,
     true,
     0,
     2,
     0,
     {}},
    // 13.10, 13.11
    {Key::InitialR2t, "InitialR2T", Rule::Or, kInOperational, false, 0, 1, 1, {}},
    {Key::ImmediateData, "ImmediateData", Rule::And, kInOperational, false, 0, 1, 1, {}},
    // 13.13, 13.14
    {Key::MaxBurstLength,
     "MaxBurstLength",
     Rule::Minimum,
     kInOperational,
     false,
     kSegmentMin,
     kSegmentMax,
     262144,
     {}},
    {Key::FirstBurstLength,
     "FirstBurstLength",
     Rule::Minimum,
     kInOperational,
     false,
     kSegmentMin,
     kSegmentMax,
     65536,
     {}},
    // 13.17
    {Key::MaxOutstandingR2t,
     "MaxOutstandingR2T",
     Rule::Minimum,
     kInOperational,
     false,
     1,
     65535,
     1,
     {}},
    // 13.2
    {Key::MaxConnections, "MaxConnections", Rule::Minimum, kInOperational, false, 1, 65535, 1, {}},
    // 13.18, 13.19
    {Key::DataPduInOrder, "DataPDUInOrder", Rule::Or, kInOperational, false, 0, 1, 1, {}},
    {Key::DataSequenceInOrder, "DataSequenceInOrder", Rule::Or, kInOperational, false, 0, 1, 1, {}},
    // 13.12
    {Key::MaxRecvDataSegmentLength,
     "MaxRecvDataSegmentLength",
     Rule::Number,
     kInOperational | kInFullFeature,
     true,
     kSegmentMin,
     kSegmentMax,
     8192,
     {}},
    // 13.25
    {Key::IfMarkInt, "IFMarkInt", Rule::Obsolete, kInOperational, true, 0, 0, 0, {}},
    {Key::OfMarkInt, "OFMarkInt", Rule::Obsolete, kInOperational, true, 0, 0, 0, {}},
    // 13.23
    {Key::TaskReporting, "TaskReporting", Rule::List, kInOperational, false, 0, 0, 0, "RFC3720"},
    // RFC 7144 section 7.1; level 1 is RFC 3720 and RFC 7143 without its additions.
    {Key::ProtocolLevel, "iSCSIProtocolLevel", Rule::Minimum, kInOperational, false, 0, 31, 1, {}},
    // 13.26
    {Key::NodeArchitecture, "X#NodeArchitecture", Rule::Text, kAnywhere, true, 0, 0, 0, {}},
    // 13.6, 13.8, 13.9, 13.4
    {Key::TargetAlias, "TargetAlias", Rule::Text, kAnywhere, true, 0, 0, 0, {}},
    {Key::TargetAddress, "TargetAddress", Rule::Text, kAnywhere, true, 0, 0, 0, {}, true},
    {Key::TargetPortalGroupTag,
     "TargetPortalGroupTag",
     Rule::Number,
     kInLogin,
     true,
     0,
     65535,
     0,
     {}},
    {Key::TargetName, "TargetName", Rule::Text, kInFullFeature, true, 0, 0, 0, {}, true},
    // 13.5, 13.7, 13.21, 13.3; 12.1
    {Key::InitiatorName, "InitiatorName", Rule::InitiatorOnly, 0, true, 0, 0, 0, {}},
    {Key::InitiatorAlias, "InitiatorAlias", Rule::InitiatorOnly, 0, true, 0, 0, 0, {}},
    {Key::SessionType, "SessionType", Rule::InitiatorOnly, 0, true, 0, 0, 0, {}},
    {Key::SendTargets, "SendTargets", Rule::InitiatorOnly, 0, true, 0, 0, 0, {}},
    // Its answer is the business of the security stage (login.cpp).
    {Key::AuthMethod, "AuthMethod", Rule::List, kInSecurity, true, 0, 0, 0, "None"},
}};

consteval bool in_order() {
    for (std::size_t i = 0; i < kRules.size(); ++i) {
        if (static_cast<std::size_t>(kRules[i].key) != i) return false;
    }
    return true;
}
static_assert(in_order());

}  // namespace

const KeyRule& rule_of(Key key) { return kRules.at(static_cast<std::size_t>(key)); }

std::optional<Key> key_from_name(std::string_view name) {
    const auto at = std::ranges::find(kRules, name, &KeyRule::name);
    if (at == kRules.end()) return std::nullopt;
    return at->key;
}

}  // namespace iscsi::session

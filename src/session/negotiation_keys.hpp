// SPDX-License-Identifier: LGPL-2.1-or-later
// Every key of RFC 7143 section 13 with the rule it is negotiated by, in one table. The code that
// applies the rules (negotiation.hpp) knows no key by name, but for the few whose meaning depends
// on another key.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace iscsi::session {

enum class Key : std::uint8_t {
    HeaderDigest,
    DataDigest,
    DefaultTime2Wait,
    DefaultTime2Retain,
    IfMarker,
    OfMarker,
    ErrorRecoveryLevel,
    InitialR2t,
    ImmediateData,
    MaxBurstLength,
    FirstBurstLength,
    MaxOutstandingR2t,
    MaxConnections,
    DataPduInOrder,
    DataSequenceInOrder,
    MaxRecvDataSegmentLength,
    // Never offered by us; the target may bring them up.
    IfMarkInt,
    OfMarkInt,
    TaskReporting,
    ProtocolLevel,
    NodeArchitecture,
    TargetAlias,
    TargetAddress,
    TargetPortalGroupTag,
    TargetName,
    // Ours alone.
    InitiatorName,
    InitiatorAlias,
    SessionType,
    SendTargets,
    AuthMethod,
};
inline constexpr std::size_t kKeyCount = static_cast<std::size_t>(Key::AuthMethod) + 1;

// How the outcome follows from the offer and the answer (section 6.2).
enum class Rule : std::uint8_t {
    List,          // the answer is one of the values offered
    And,           // Yes only if both say Yes
    Or,            // Yes if either says Yes
    Minimum,       // the answer is at most the offer
    Maximum,       // the answer is at least the offer
    Number,        // declared, not negotiated
    Text,          // likewise
    Obsolete,      // section 13.25: we offer No or nothing; asked, we answer Reject
    InitiatorOnly  // a target that sends it breaks the protocol
};

// Where a target may send a key (the RFC's IO, LO, FFPO, ALL, and security stage).
inline constexpr std::uint8_t kInSecurity = 1;
inline constexpr std::uint8_t kInOperational = 2;
inline constexpr std::uint8_t kInFullFeature = 4;
inline constexpr std::uint8_t kInLogin = kInSecurity | kInOperational;
inline constexpr std::uint8_t kAnywhere = kInLogin | kInFullFeature;

struct KeyRule {
    Key key;
    std::string_view name;
    Rule rule;
    std::uint8_t where;
    bool in_discovery;         // else it is Irrelevant in a discovery session
    std::uint32_t lowest;      // range of a number
    std::uint32_t highest;     //
    std::uint32_t fallback;    // the RFC's default; booleans: Yes is 1
    std::string_view choices;  // of a list that we do not offer: what we can answer, best first
    bool repeatable = false;   // may be declared more than once in a login
};

const KeyRule& rule_of(Key key);
// Names are compared exactly (section 6.1).
std::optional<Key> key_from_name(std::string_view name);

}  // namespace iscsi::session

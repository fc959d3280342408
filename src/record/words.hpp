// SPDX-License-Identifier: LGPL-2.1-or-later
// The closed word lists of the record format, as enums, and the mapping between a word in a file
// and its enumerator. An enum used in a record specialises kWords; its words stand in enumerator
// order, so the mapping is an index. Some lists have two words for one thing only in history; the
// spelling here is the one open-iscsi 2.1.8 reads and writes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace iscsi::record {

// node.startup, node.conn[0].startup: who logs in at boot. Onboot records came from firmware and
// are never logged out as a group.
enum class Startup : std::uint8_t { Manual, Automatic, Onboot };
// discovery.startup
enum class DiscoveryStartup : std::uint8_t { Manual, Automatic };
// *.auth.authmethod (RFC 7143 section 12.1, AuthMethod)
enum class AuthMethod : std::uint8_t { None, Chap };
// *.auth.chap_algs (RFC 7143 section 12.1.3 and IANA's registry: CHAP_A 5, 6, 7, 8)
enum class ChapAlgorithm : std::uint8_t { Md5, Sha1, Sha256, Sha3_256 };
// node.conn[0].iscsi.{Header,Data}Digest (RFC 7143 section 13.1). The last two name what we offer
// in order of preference: "CRC32C,None" and "None,CRC32C".
enum class Digest : std::uint8_t { None, Crc32c, PreferCrc32c, PreferNone };
// node.session.scan: scan all LUNs at login, or none until asked.
enum class Scan : std::uint8_t { Manual, Auto };
// node.discovery_type: how this record came to be.
enum class NodeDiscoveryType : std::uint8_t {
    SendTargets,
    Isns,
    OffloadSendTargets,
    Slp,
    Static,
    Firmware,
};
// discovery.type: the same things, but spelled "sendtargets" here.
enum class DiscoveryType : std::uint8_t {
    SendTargets,
    Isns,
    OffloadSendTargets,
    Slp,
    Static,
    Firmware,
};

template <class Enum>
inline constexpr std::array<std::string_view, 0> kWords{};

template <>
inline constexpr auto kWords<Startup> =
    std::to_array<std::string_view>({"manual", "automatic", "onboot"});
template <>
inline constexpr auto kWords<DiscoveryStartup> =
    std::to_array<std::string_view>({"manual", "automatic"});
template <>
inline constexpr auto kWords<AuthMethod> = std::to_array<std::string_view>({"None", "CHAP"});
template <>
inline constexpr auto kWords<ChapAlgorithm> =
    std::to_array<std::string_view>({"MD5", "SHA1", "SHA256", "SHA3-256"});
template <>
inline constexpr auto kWords<Digest> =
    std::to_array<std::string_view>({"None", "CRC32C", "CRC32C,None", "None,CRC32C"});
template <>
inline constexpr auto kWords<Scan> = std::to_array<std::string_view>({"manual", "auto"});
template <>
inline constexpr auto kWords<NodeDiscoveryType> = std::to_array<std::string_view>(
    {"send_targets", "isns", "offload_send_targets", "slp", "static", "fw"});
template <>
inline constexpr auto kWords<DiscoveryType> = std::to_array<std::string_view>(
    {"sendtargets", "isns", "offload_send_targets", "slp", "static", "fw"});
// Yes/No keys are bool members.
template <>
inline constexpr auto kWords<bool> = std::to_array<std::string_view>({"No", "Yes"});

// The word of an enumerator, e.g. word_of(Startup::Manual) == "manual".
template <class Enum>
constexpr std::string_view word_of(Enum value) {
    return kWords<Enum>.at(static_cast<std::size_t>(value));
}

// Exact, case-sensitive match, as open-iscsi does it; nullopt for an unknown word.
template <class Enum>
constexpr std::optional<Enum> enum_from_word(std::string_view word) {
    for (std::size_t i = 0; i < kWords<Enum>.size(); ++i) {
        if (kWords<Enum>[i] == word) return static_cast<Enum>(i);
    }
    return std::nullopt;
}

// The algorithms we offer or accept, most wanted first, no repeats. Never empty in a parsed record.
using ChapAlgorithms = std::vector<ChapAlgorithm>;

// Most algorithms one chap_algs value may list.
inline constexpr std::size_t kChapAlgorithmsMax = 5;

}  // namespace iscsi::record

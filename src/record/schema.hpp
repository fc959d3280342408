// SPDX-License-Identifier: LGPL-2.1-or-later
// The schema: every key of every kind of record, declared once. Parser, printer, masking, -o
// update, JSON, the manual page and shell completion all walk these tables; nothing else knows a
// key's spelling.
//
// A key's default is the member initialiser in the record's struct (node.hpp, iface.hpp,
// discovery.hpp, ...); `default_text` reads it from there. Its type follows from the member's type:
//
//   std::string Text | base::Secret Secret | std::int32_t Int | std::uintN_t UintN |
//   bool YesNo | enum Word | ChapAlgorithms WordList
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "record/daemon.hpp"
#include "record/discovery.hpp"
#include "record/flashnode.hpp"
#include "record/host_chap.hpp"
#include "record/iface.hpp"
#include "record/node.hpp"

namespace iscsi::record {

enum class Type : std::uint8_t {
    Text,
    Secret,
    Int,
    Uint8,
    Uint16,
    Uint32,
    YesNo,
    Word,      // one of KeyInfo::words
    WordList,  // several of them, separated by commas
};

enum class Visibility : std::uint8_t {
    Shown,
    Masked,  // in clear in files, as ******** on a terminal unless asked for
    Hidden,  // understood, but never printed (lengths of passwords)
};

// Which records have the key: the v4-only and v6-only keys of an iface are alternatives.
enum class Family : std::uint8_t { Any, Ipv4, Ipv6 };

// -o update may set the key, or it identifies the record, or (iface keys inside a node record) it
// is set through the iface record.
enum class Settable : std::uint8_t { Yes, Identity, ThroughIface };

// What makes sense. A number out of it in a file is not taken (values.hpp); -o update stores any
// number, as open-iscsi does.
struct Range {
    std::int64_t min;
    std::int64_t max;
};
inline constexpr std::int64_t kIntMin = std::numeric_limits<std::int32_t>::min();
inline constexpr std::int64_t kIntMax = std::numeric_limits<std::int32_t>::max();

// Longest values, as in open-iscsi: a longer one is cut when it is read.
inline constexpr std::size_t kNameBytesMax = 127;
inline constexpr std::size_t kValueBytesMax = 255;
inline constexpr std::size_t kLineBytesMax = 2047;

// Keys that open-iscsi 2.1.8 has; most are far older.
inline constexpr std::string_view kSinceBeginning = "2.1.8 or before";
// A setting of this program that open-iscsi has in no version.
inline constexpr std::string_view kOursAlone = "";

struct KeyInfo {
    std::string_view name;
    std::string_view doc;  // one line, for the manual
    Type type = Type::Text;
    std::span<const std::string_view> words = {};
    std::optional<Range> range = {};
    Visibility visibility = Visibility::Shown;
    Settable settable = Settable::Yes;
    Family family = Family::Any;
    // Keys younger than 2.1.8 are printed only when they differ from their default, so that an
    // older version can still read a record that does not use them.
    std::string_view since = kSinceBeginning;
    // The attribute in sysfs that tells the value in force: of the session or its connection for
    // node.*, of the iscsi_iface object for iface.*, of the iscsi_flashnode object for flashnode.*.
    // Empty: none.
    std::string_view sysfs = {};
};

// Remarks for the operator about values that were understood only in part, in open-iscsi's words.
using Notes = std::vector<std::string>;

struct SetResult {
    bool understood = true;  // false: not one of the key's words; nothing was changed
    Notes notes = {};
};

// One key of records of type `Record`. `text` gives the value as a file has it (secrets in clear;
// empty: not written). `set` takes what a file or a user wrote: numbers as strtoul reads them,
// wrapped into the member; text cut at kValueBytesMax.
template <class Record>
struct Key {
    KeyInfo info;
    std::string (*text)(const Record& record) = nullptr;
    SetResult (*set)(Record& record, const KeyInfo& info, std::string_view value) = nullptr;
    nlohmann::ordered_json (*json)(const Record& record) = nullptr;
};

// All keys of one kind of record. open-iscsi writes and shows the iface keys of a node record in
// different orders, so there are two; both hold the same keys.
template <class Record>
class Schema {
public:
    using Keys = std::vector<const Key<Record>*>;

    // `keys` come in show order. In files, those in `first_in_file` come before the others of the
    // contiguous run of keys that they belong to, in the order given.
    explicit Schema(std::vector<Key<Record>> keys,
                    std::span<const std::string_view> first_in_file = {});
    Schema(const Schema&) = delete;
    Schema& operator=(const Schema&) = delete;
    Schema(Schema&&) = default;
    Schema& operator=(Schema&&) = default;

    const Keys& show_order() const { return show_order_; }
    const Keys& file_order() const { return file_order_; }
    // nullptr for an unknown name.
    const Key<Record>* find(std::string_view name) const;
    bool is_first_in_file(std::string_view name) const;

private:
    std::vector<Key<Record>> keys_;
    std::span<const std::string_view> first_in_file_;
    Keys show_order_;
    Keys file_order_;
    Keys by_name_;
};

// The one table of each kind; built at first use. Exists for Node, Iface, SendTargets, Isns,
// HostChap, Flashnode and Daemon.
template <class Record>
const Schema<Record>& schema();
template <>
const Schema<Node>& schema<Node>();
template <>
const Schema<Iface>& schema<Iface>();
template <>
const Schema<SendTargets>& schema<SendTargets>();
template <>
const Schema<Isns>& schema<Isns>();
template <>
const Schema<HostChap>& schema<HostChap>();
template <>
const Schema<Flashnode>& schema<Flashnode>();
template <>
const Schema<Daemon>& schema<Daemon>();

// The default as a file would have it; what the manual prints.
template <class Record>
std::string default_text(const Key<Record>& key) {
    return key.text(Record{});
}

// Whether the record has the key: of its address family, as far as there are two.
template <class Record>
bool has_key(const KeyInfo& info, const Record& record);

// Whether the key appears when the record is shown: not hidden, of the record's address family, and
// not a young key at its default.
template <class Record>
bool is_shown(const Key<Record>& key, const Record& record);

// Whether any secret of the record is set: then its file must be its owner's alone.
template <class Record>
bool has_secrets(const Record& record);

// The known name nearest to a misspelt one (at most two edits off), or empty.
template <class Record>
std::string_view nearest_name(std::string_view name);

}  // namespace iscsi::record

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "record/schema.hpp"

#include <algorithm>
#include <vector>

#include "base/check.hpp"
#include "base/spelling.hpp"

namespace iscsi::record {

namespace {

template <class Record>
const Iface* iface_of(const Record&) {
    return nullptr;
}
template <>
const Iface* iface_of(const Iface& record) {
    return &record;
}
template <>
const Iface* iface_of(const Node& record) {
    return &record.iface;
}

}  // namespace

template <class Record>
Schema<Record>::Schema(std::vector<Key<Record>> keys,
                       std::span<const std::string_view> first_in_file)
    : keys_(std::move(keys)), first_in_file_(first_in_file) {
    for (const auto& key : keys_) show_order_.push_back(&key);
    file_order_ = show_order_;
    by_name_ = show_order_;
    const auto name_of = [](const Key<Record>* key) { return key->info.name; };
    std::ranges::sort(by_name_, {}, name_of);
    CHECK(std::ranges::adjacent_find(by_name_, {}, name_of) == by_name_.end());
    if (first_in_file.empty()) return;

    const auto rank = [&](const Key<Record>* key) {
        return std::ranges::find(first_in_file, key->info.name) - first_in_file.begin();
    };
    const auto is_early = [&](const Key<Record>* key) { return is_first_in_file(key->info.name); };
    const auto begin = std::ranges::find_if(file_order_, is_early);
    const auto last = std::find_if(file_order_.rbegin(), file_order_.rend(), is_early);
    // Keys of the same rank stay in show order, which is their order in memory.
    std::sort(begin, last.base(), [&](const auto* a, const auto* b) {
        return std::pair(rank(a), a) < std::pair(rank(b), b);
    });
}

template <class Record>
const Key<Record>* Schema<Record>::find(std::string_view name) const {
    const auto name_of = [](const Key<Record>* key) { return key->info.name; };
    const auto found = std::ranges::lower_bound(by_name_, name, {}, name_of);
    return found != by_name_.end() && (*found)->info.name == name ? *found : nullptr;
}

template <class Record>
bool Schema<Record>::is_first_in_file(std::string_view name) const {
    return std::ranges::find(first_in_file_, name) != first_in_file_.end();
}

template <class Record>
bool has_key(const KeyInfo& info, const Record& record) {
    if (info.family == Family::Any) return true;
    const Iface* const iface = iface_of(record);
    CHECK(iface != nullptr);
    return (info.family == Family::Ipv6) == is_ipv6(*iface);
}

template <class Record>
bool is_shown(const Key<Record>& key, const Record& record) {
    if (key.info.visibility == Visibility::Hidden || !has_key(key.info, record)) return false;
    if (key.info.since == kSinceBeginning) return true;
    static const Record kDefaults;
    return key.text(record) != key.text(kDefaults);
}

template <class Record>
bool has_secrets(const Record& record) {
    return std::ranges::any_of(schema<Record>().show_order(), [&](const auto* key) {
        return key->info.type == Type::Secret && !key->text(record).empty();
    });
}

template <class Record>
std::string_view nearest_name(std::string_view name) {
    std::vector<std::string_view> names;
    for (const auto* key : schema<Record>().show_order()) names.push_back(key->info.name);
    return base::nearest_word(name, names);
}

#define ISCSI_INSTANTIATE(Record)                              \
    template class Schema<Record>;                             \
    template bool has_key(const KeyInfo&, const Record&);      \
    template bool is_shown(const Key<Record>&, const Record&); \
    template bool has_secrets(const Record&);                  \
    template std::string_view nearest_name<Record>(std::string_view);
ISCSI_INSTANTIATE(Node)
ISCSI_INSTANTIATE(Iface)
ISCSI_INSTANTIATE(SendTargets)
ISCSI_INSTANTIATE(Isns)
ISCSI_INSTANTIATE(HostChap)
ISCSI_INSTANTIATE(Flashnode)
ISCSI_INSTANTIATE(Daemon)
#undef ISCSI_INSTANTIATE

}  // namespace iscsi::record

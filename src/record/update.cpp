// SPDX-License-Identifier: LGPL-2.1-or-later
#include "record/update.hpp"

#include <algorithm>
#include <concepts>

namespace iscsi::record {

namespace {

using base::ErrorCode;

constexpr std::string_view kTransport = "iface.transport_name";
constexpr std::string_view kTransportAlias = "node.transport_name";

template <class Record>
std::string_view real_name(std::string_view name) {
    if (std::same_as<Record, Node> && name == kTransportAlias) return kTransport;
    return name;
}

base::Status refuse_through_iface(std::string_view name) {
    return base::fail(ErrorCode::Invalid, "Cannot modify {}. Use iface mode to update this value.",
                      name);
}

template <class Record>
base::Status check_settable(const Key<Record>* key, const Record& record, std::string_view name) {
    if (key == nullptr || !has_key(key->info, record)) {
        return base::fail(ErrorCode::Invalid, "Cannot modify {}. Invalid param name.", name);
    }
    switch (key->info.settable) {
        case Settable::Yes:
            return {};
        case Settable::ThroughIface:
            return refuse_through_iface(name);
        case Settable::Identity:
            break;
    }
    if (std::same_as<Record, Iface>) {
        return base::fail(ErrorCode::Invalid,
                          "Can not update {}. Delete it, and then create a new one.", name);
    }
    return base::fail(ErrorCode::Invalid,
                      "Cannot modify {}. It is used to look up the record and cannot be changed.",
                      name);
}

// An iface is bound by MAC address or by network interface; changing from one to the other would
// silently move sessions.
template <class Record>
base::Status check_binding(const Record& record, std::string_view name) {
    if constexpr (std::same_as<Record, Iface>) {
        constexpr std::string_view kText =
            "Can not update interface binding from {} to {}. You must delete the interface and "
            "create a new one";
        if (name == "iface.net_ifacename" && is_bound(record.hwaddress)) {
            return base::fail(ErrorCode::Invalid, kText, "hwaddress", "net_ifacename");
        }
        if (name == "iface.hwaddress" && is_bound(record.net_ifacename)) {
            return base::fail(ErrorCode::Invalid, kText, "net_ifacename", "hwaddress");
        }
    }
    return {};
}

template <class Record>
base::Status refuse_word(const Assignment& assignment) {
    auto text = fmt::format("unknown value format '{}' for parameter name '{}'", assignment.value,
                            assignment.name);
    // Compat: the discovery modes say no more than that.
    if (std::same_as<Record, Node>) text += fmt::format("\nUnknown parameter {}.", assignment.name);
    return std::unexpected(base::Error{ErrorCode::Invalid, std::move(text)});
}

base::Status check_value(const Assignment& assignment) {
    if (assignment.value.find_first_of(std::string_view("\n\0", 2)) == std::string::npos) return {};
    return base::fail(ErrorCode::Invalid, "Cannot modify {}. The value has a line break.",
                      assignment.name);
}

}  // namespace

template <class Record>
base::Result<Notes> update(Record& record, std::span<const Assignment> assignments) {
    for (const auto& assignment : assignments) {
        const auto name = real_name<Record>(assignment.name);
        ISCSI_TRY_VOID(check_settable(schema<Record>().find(name), record, assignment.name));
        ISCSI_TRY_VOID(check_binding(record, name));
        ISCSI_TRY_VOID(check_value(assignment));
    }
    Notes notes;
    Record changed = record;
    for (const auto& assignment : assignments) {
        const auto* const key = schema<Record>().find(real_name<Record>(assignment.name));
        SetResult result = key->set(changed, key->info, assignment.value);
        std::erase_if(changed.unknown,
                      [&](const auto& each) { return each.name == key->info.name; });
        std::ranges::move(result.notes, std::back_inserter(notes));
        if (!result.understood) {
            ISCSI_TRY_VOID(refuse_word<Record>(assignment));
        }
    }
    record = std::move(changed);
    return notes;
}

base::Status check_node_mode(std::span<const Assignment> assignments) {
    for (const auto& assignment : assignments) {
        if (assignment.name.starts_with("iface.") && assignment.name != kTransport) {
            return refuse_through_iface(assignment.name);
        }
    }
    return {};
}

bool changes_transport(std::span<const Assignment> assignments) {
    return std::ranges::any_of(assignments, [](const Assignment& assignment) {
        return real_name<Node>(assignment.name) == kTransport;
    });
}

#define ISCSI_INSTANTIATE(Record) \
    template base::Result<Notes> update(Record&, std::span<const Assignment>);
ISCSI_INSTANTIATE(Node)
ISCSI_INSTANTIATE(Iface)
ISCSI_INSTANTIATE(SendTargets)
ISCSI_INSTANTIATE(Isns)
ISCSI_INSTANTIATE(HostChap)
ISCSI_INSTANTIATE(Flashnode)
#undef ISCSI_INSTANTIATE

}  // namespace iscsi::record

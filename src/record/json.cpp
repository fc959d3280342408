// SPDX-License-Identifier: LGPL-2.1-or-later
#include "record/json.hpp"

#include "base/numbers.hpp"

namespace iscsi::record {

namespace {

using Json = nlohmann::ordered_json;

// The place of "node.conn[0].timeo.login_timeout": object, then array, then objects.
Json& place(Json& root, std::string_view name) {
    Json* at = &root;
    for (std::string_view part : base::split(name, '.')) {
        const auto bracket = part.find('[');
        at = &(*at)[std::string(part.substr(0, bracket))];
        if (bracket == std::string_view::npos) continue;
        const auto index =
            base::parse_unsigned(part.substr(bracket + 1, part.size() - bracket - 2));
        at = &(*at)[static_cast<std::size_t>(index.value_or(0))];
    }
    return *at;
}

}  // namespace

template <class Record>
nlohmann::ordered_json to_json(const Record& record, bool reveal_secrets) {
    Json root = Json::object();
    for (const auto* key : schema<Record>().show_order()) {
        if (!is_shown(*key, record)) continue;
        Json value = key->json(record);
        const bool masked = key->info.visibility == Visibility::Masked && !reveal_secrets;
        if (masked && !value.is_null()) value = "********";
        place(root, key->info.name) = std::move(value);
    }
    return root;
}

#define ISCSI_INSTANTIATE(Record) template nlohmann::ordered_json to_json(const Record&, bool);
ISCSI_INSTANTIATE(Node)
ISCSI_INSTANTIATE(Iface)
ISCSI_INSTANTIATE(SendTargets)
ISCSI_INSTANTIATE(Isns)
ISCSI_INSTANTIATE(HostChap)
ISCSI_INSTANTIATE(Flashnode)
#undef ISCSI_INSTANTIATE

}  // namespace iscsi::record

// SPDX-License-Identifier: LGPL-2.1-or-later
// Records as JSON for `iscsiadm --json`: nested objects after the dots of the keys, e.g.
// {"node": {"name": "iqn...", "session": {"queue_depth": 32}, "conn": [{"address": "..."}]}}.
// Numbers are numbers, Yes/No are booleans, lists are arrays, unset text is null.
#pragma once

#include <nlohmann/json.hpp>

#include "record/schema.hpp"

namespace iscsi::record {

// Secrets are "********" unless `reveal_secrets`; unset ones are null. Unknown keys of the record's
// file are not part of it.
template <class Record>
nlohmann::ordered_json to_json(const Record& record, bool reveal_secrets);

}  // namespace iscsi::record

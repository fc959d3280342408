// SPDX-License-Identifier: LGPL-2.1-or-later
// Any bytes as a record file, iscsid.conf or an update: nothing crashes, and what was understood
// once is understood the same way ever after. The first byte picks the kind of record.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/check.hpp"
#include "base/numbers.hpp"
#include "record/json.hpp"
#include "record/portal.hpp"
#include "record/text.hpp"
#include "record/update.hpp"

namespace iscsi::record {
namespace {

// Cutting an overlong value may leave a blank at its end, which the next reading trims: from then
// on the text must stay as it is.
template <class Record>
void check_text(std::string_view text) {
    Record once;
    parse_into(once, text);
    Record twice;
    parse_into(twice, print_file(once));
    Record thrice;
    const std::string settled = print_file(twice);
    const auto warnings = parse_into(thrice, settled);
    CHECK(print_file(thrice) == settled);
    // Only numbers that are none are left as they are: warned of again, and maybe of their length.
    CHECK(warnings.size() <= 2 * thrice.unknown.size());
    CHECK(print_shown(once, false).ends_with("# END RECORD\n"));
    CHECK(to_json(once, true).is_object());
}

// Lines "key value" as -n and -v of one command.
template <class Record>
void check_update(std::string_view text) {
    std::vector<Assignment> assignments;
    for (const auto line : base::split(text, '\n')) {
        const auto blank = line.find(' ');
        if (blank == std::string_view::npos) continue;
        assignments.push_back(
            {std::string(line.substr(0, blank)), std::string(line.substr(blank + 1))});
    }
    Record record;
    const auto updated = update(record, assignments);
    CHECK(updated || record == Record{});
    check_text<Record>(print_file(record));
}

template <class Record>
void check(std::string_view text) {
    check_text<Record>(text);
    check_update<Record>(text);
}

void check_portal(std::string_view text) {
    const auto portal = parse_portal(text);
    if (!portal) return;
    CHECK(!portal->address.empty() || text.empty() || text.starts_with(','));
    CHECK(portal->port >= 1 && portal->port <= 65535);
}

}  // namespace
}  // namespace iscsi::record

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace iscsi::record;
    if (size == 0) return 0;
    const auto text = iscsi::base::as_text(std::as_bytes(std::span(data, size))).substr(1);
    switch (data[0] % 7) {
        case 0:
            check<Node>(text);
            break;
        case 1:
            check<Iface>(text);
            break;
        case 2:
            check<SendTargets>(text);
            break;
        case 3:
            check<Isns>(text);
            break;
        case 4:
            check<HostChap>(text);
            break;
        case 5:
            check<Flashnode>(text);
            break;
        default:
            check_portal(text);
            break;
    }
    return 0;
}

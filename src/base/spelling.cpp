// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/spelling.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace iscsi::base {

std::size_t edit_distance(std::string_view a, std::string_view b) {
    // One row of the usual table: row[j] edits make the first j letters of b out of a's so far.
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
        }
    }
    return row.back();
}

std::string_view nearest_word(std::string_view word, std::span<const std::string_view> candidates) {
    std::string_view nearest;
    std::size_t fewest = kMisspeltEditsMax + 1;
    for (const auto candidate : candidates) {
        const std::size_t edits = edit_distance(word, candidate);
        // Of a short word, two edits leave nothing.
        if (edits < fewest && edits < candidate.size()) {
            fewest = edits;
            nearest = candidate;
        }
    }
    return nearest;
}

}  // namespace iscsi::base

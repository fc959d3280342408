// SPDX-License-Identifier: LGPL-2.1-or-later
// Many names of directory entries in little memory: ten thousand take a quarter of what as many
// strings would.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace iscsi::store {

class PackedNames {
public:
    // Without a slash in it, as no entry's name has one.
    void add(std::string_view name) { names_.append(name).push_back(kSeparator); }

    // As bytes. The views live as long as this object is not changed.
    std::vector<std::string_view> sorted() const {
        std::vector<std::string_view> views;
        views.reserve(static_cast<std::size_t>(std::ranges::count(names_, kSeparator)));
        for (std::string_view rest = names_; !rest.empty();) {
            views.push_back(rest.substr(0, rest.find(kSeparator)));
            rest.remove_prefix(views.back().size() + 1);
        }
        std::ranges::sort(views);
        return views;
    }

private:
    static constexpr char kSeparator = '/';

    std::string names_;
};

}  // namespace iscsi::store

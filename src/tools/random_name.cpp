// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/random_name.hpp"

#include <fmt/format.h>

#include <array>
#include <iterator>

#include "os/random.hpp"

namespace iscsi::tools {

std::string random_name(std::string_view prefix) {
    constexpr std::size_t kRandomBytes = 6;
    std::array<std::byte, kRandomBytes> bytes{};
    os::SystemRandom random;
    random.fill(bytes);
    auto text = fmt::format("{}:", prefix);
    for (const auto byte : bytes) {
        fmt::format_to(std::back_inserter(text), "{:02x}", static_cast<unsigned>(byte));
    }
    return text;
}

}  // namespace iscsi::tools

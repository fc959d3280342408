// SPDX-License-Identifier: LGPL-2.1-or-later
// Test helper: bytes written as hexadecimal text, blanks ignored.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace iscsi::scsi {

inline std::vector<std::byte> bytes_of(std::string_view hex) {
    std::vector<std::byte> out;
    int high = -1;
    for (const char c : hex) {
        if (c == ' ') continue;
        const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
        if (high < 0) {
            high = digit;
        } else {
            out.push_back(static_cast<std::byte>(high * 16 + digit));
            high = -1;
        }
    }
    return out;
}

}  // namespace iscsi::scsi

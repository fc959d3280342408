// SPDX-License-Identifier: LGPL-2.1-or-later
// Anonymous memory in whole pages, owned: takes room in RAM only where it was touched.
#pragma once

#include <cstddef>
#include <utility>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace iscsi::os {

class Pages {
public:
    static base::Result<Pages> allocate(std::size_t bytes);
    Pages(Pages&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
    Pages& operator=(Pages&& other) noexcept {
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    ~Pages();

    base::ByteSpan bytes() const { return bytes_; }
    // Makes the pages resident now, so that no later use has to wait for memory.
    static void prefault(base::ByteSpan part);
    // Gives the pages back to the system; they read as zeros afterwards. Best effort.
    static void release(base::ByteSpan part);

private:
    explicit Pages(base::ByteSpan bytes) : bytes_(bytes) {}
    base::ByteSpan bytes_;
};

}  // namespace iscsi::os

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/random.hpp"

#include <sys/random.h>

#include <cerrno>

#include "base/check.hpp"

namespace iscsi::os {

void SystemRandom::fill(base::ByteSpan out) {
    while (!out.empty()) {
        const ssize_t count = ::getrandom(out.data(), out.size(), 0);
        if (count < 0) {
            CHECK(errno == EINTR);  // the call exists on every kernel we run on
            continue;
        }
        out = out.subspan(static_cast<std::size_t>(count));
    }
}

}  // namespace iscsi::os

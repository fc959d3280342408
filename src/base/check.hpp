// SPDX-License-Identifier: LGPL-2.1-or-later
// CHECK(condition): our own bugs end the process here, in release builds too.
// Never used on anything that a peer, a file or a user can influence.
#pragma once

#include <cstdio>
#include <cstdlib>

#define CHECK(condition)                                                                       \
    do {                                                                                       \
        if (!(condition)) [[unlikely]] {                                                       \
            std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", __FILE__, __LINE__, #condition); \
            std::abort();                                                                      \
        }                                                                                      \
    } while (false)

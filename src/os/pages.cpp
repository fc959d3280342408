// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/pages.hpp"

#include <sys/mman.h>

#include <cerrno>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

namespace iscsi::os {

base::Result<Pages> Pages::allocate(std::size_t bytes) {
    void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        return base::fail_errno(base::ErrorCode::NoMemory, errno, "buffer memory");
    }
    return Pages(base::ByteSpan(static_cast<std::byte*>(memory), bytes));
}

Pages::~Pages() {
    if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

void Pages::prefault(base::ByteSpan part) {
    // Linux before 5.14 does not know it: the pages then come when they are first used.
    (void)::madvise(part.data(), part.size(), MADV_POPULATE_WRITE);
}

void Pages::release(base::ByteSpan part) {
    // Locked memory needs the newer form (Linux 5.18).
    if (::madvise(part.data(), part.size(), MADV_DONTNEED_LOCKED) == 0) return;
    (void)::madvise(part.data(), part.size(), MADV_DONTNEED);
}

}  // namespace iscsi::os

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/kernel_iscsi.hpp"

#include <libkmod.h>
#include <unistd.h>

#include <chrono>
#include <memory>

namespace iscsi::os {

namespace {

constexpr const char* kTransport = "/sys/class/iscsi_transport/tcp";
constexpr std::chrono::minutes kRetryInterval{1};

void load_module(const char* name) {
    const std::unique_ptr<kmod_ctx, kmod_ctx* (*)(kmod_ctx*)> context(
        ::kmod_new(nullptr, nullptr), ::kmod_unref);
    if (!context) return;
    ::kmod_set_log_priority(context.get(), 0);
    kmod_list* found = nullptr;
    if (::kmod_module_new_from_lookup(context.get(), name, &found) != 0) return;
    for (kmod_list* entry = found; entry != nullptr; entry = ::kmod_list_next(found, entry)) {
        kmod_module* module = ::kmod_module_get_module(entry);
        // Whether it worked shows in sysfs.
        (void)::kmod_module_probe_insert_module(module, KMOD_PROBE_APPLY_BLACKLIST, nullptr,
                                                nullptr, nullptr, nullptr);
        ::kmod_module_unref(module);
    }
    ::kmod_module_unref_list(found);
}

}  // namespace

bool kernel_has_iscsi_tcp() {
    if (::access(kTransport, F_OK) == 0) return true;
    static std::chrono::steady_clock::time_point next_try{};
    const auto now = std::chrono::steady_clock::now();
    if (now < next_try) return false;
    next_try = now + kRetryInterval;
    load_module("iscsi_tcp");
    return ::access(kTransport, F_OK) == 0;
}

}  // namespace iscsi::os

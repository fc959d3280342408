// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/modules.hpp"

#include <libkmod.h>

#include <cstring>
#include <memory>

namespace iscsi::os {

namespace {

using base::ErrorCode;

struct Unref {
    void operator()(kmod_ctx* context) const { kmod_unref(context); }
    void operator()(kmod_list* list) const { kmod_module_unref_list(list); }
    void operator()(kmod_module* module) const { kmod_module_unref(module); }
};

}  // namespace

base::Status load_module(const std::string& name) {
    const std::unique_ptr<kmod_ctx, Unref> context(kmod_new(nullptr, nullptr));
    if (!context) return base::fail(ErrorCode::NoMemory, "cannot set up libkmod");
    // The reason is returned; libkmod need not print it as well.
    kmod_set_log_priority(context.get(), 0);
    kmod_list* found = nullptr;
    const int looked_up = kmod_module_new_from_lookup(context.get(), name.c_str(), &found);
    const std::unique_ptr<kmod_list, Unref> list(found);
    if (looked_up < 0 || !list) {
        return base::fail(ErrorCode::TransportNotFound, "module {} is not there for this kernel",
                          name);
    }
    for (kmod_list* entry = list.get(); entry != nullptr;
         entry = kmod_list_next(list.get(), entry)) {
        const std::unique_ptr<kmod_module, Unref> module(kmod_module_get_module(entry));
        const int result = kmod_module_probe_insert_module(module.get(), KMOD_PROBE_APPLY_BLACKLIST,
                                                           nullptr, nullptr, nullptr, nullptr);
        if (result == KMOD_PROBE_APPLY_BLACKLIST) {
            return base::fail(ErrorCode::TransportNotFound,
                              "module {} is blacklisted in the configuration of modprobe", name);
        }
        if (result < 0) {
            return base::fail_errno(ErrorCode::TransportNotFound, -result,
                                    "cannot load module " + name);
        }
    }
    return {};
}

}  // namespace iscsi::os

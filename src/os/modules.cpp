// SPDX-License-Identifier: LGPL-2.1-or-later
// libkmod is loaded for the one call and unloaded again: it brings three decompressors and a
// cryptographic library along, and a daemon keeps in memory whatever it has mapped.
#include "os/modules.hpp"

#include <dlfcn.h>
#include <libkmod.h>

#include <memory>

namespace iscsi::os {

namespace {

using base::ErrorCode;

constexpr const char* kLibrary = "libkmod.so.2";

struct Close {
    void operator()(void* library) const { ::dlclose(library); }
};

// The functions of libkmod that are used here. The library stays as long as the object.
class Kmod {
public:
    static base::Result<Kmod> load() {
        Kmod kmod;
        kmod.library_.reset(::dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL));
        const bool complete = kmod.library_ && kmod.find(kmod.create, "kmod_new") &&
                              kmod.find(kmod.unref, "kmod_unref") &&
                              kmod.find(kmod.set_log_priority, "kmod_set_log_priority") &&
                              kmod.find(kmod.look_up, "kmod_module_new_from_lookup") &&
                              kmod.find(kmod.unref_list, "kmod_module_unref_list") &&
                              kmod.find(kmod.next, "kmod_list_next") &&
                              kmod.find(kmod.get_module, "kmod_module_get_module") &&
                              kmod.find(kmod.unref_module, "kmod_module_unref") &&
                              kmod.find(kmod.insert, "kmod_module_probe_insert_module");
        if (complete) return kmod;
        const char* const why = ::dlerror();
        return base::fail(ErrorCode::TransportNotFound, "cannot load modules: {}",
                          why != nullptr ? why : kLibrary);
    }

    decltype(&kmod_new) create = nullptr;
    decltype(&kmod_unref) unref = nullptr;
    decltype(&kmod_set_log_priority) set_log_priority = nullptr;
    decltype(&kmod_module_new_from_lookup) look_up = nullptr;
    decltype(&kmod_module_unref_list) unref_list = nullptr;
    decltype(&kmod_list_next) next = nullptr;
    decltype(&kmod_module_get_module) get_module = nullptr;
    decltype(&kmod_module_unref) unref_module = nullptr;
    decltype(&kmod_module_probe_insert_module) insert = nullptr;

private:
    template <class Function>
    bool find(Function& function, const char* name) {
        function = reinterpret_cast<Function>(::dlsym(library_.get(), name));
        return function != nullptr;
    }

    std::unique_ptr<void, Close> library_;
};

// `unref` of libkmod as a deleter.
template <class Function>
struct Unref {
    Function function;
    template <class Object>
    void operator()(Object* object) const {
        function(object);
    }
};
template <class Object, class Function>
std::unique_ptr<Object, Unref<Function>> owned(Object* object, Function function) {
    return {object, Unref<Function>{function}};
}

base::Status insert(const Kmod& kmod, kmod_list* entry, const std::string& name) {
    const auto module = owned(kmod.get_module(entry), kmod.unref_module);
    const int result =
        kmod.insert(module.get(), KMOD_PROBE_APPLY_BLACKLIST, nullptr, nullptr, nullptr, nullptr);
    if (result == KMOD_PROBE_APPLY_BLACKLIST) {
        return base::fail(ErrorCode::TransportNotFound,
                          "module {} is blacklisted in the configuration of modprobe", name);
    }
    if (result < 0) {
        return base::fail_errno(ErrorCode::TransportNotFound, -result,
                                "cannot load module " + name);
    }
    return {};
}

}  // namespace

base::Status load_module(const std::string& name) {
    ISCSI_TRY(const Kmod kmod, Kmod::load());
    const auto context = owned(kmod.create(nullptr, nullptr), kmod.unref);
    if (!context) return base::fail(ErrorCode::NoMemory, "cannot set up libkmod");
    // The reason is returned; libkmod need not print it as well.
    kmod.set_log_priority(context.get(), 0);
    kmod_list* found = nullptr;
    const int looked_up = kmod.look_up(context.get(), name.c_str(), &found);
    const auto list = owned(found, kmod.unref_list);
    if (looked_up < 0 || !list) {
        return base::fail(ErrorCode::TransportNotFound, "module {} is not there for this kernel",
                          name);
    }
    for (kmod_list* entry = list.get(); entry != nullptr; entry = kmod.next(list.get(), entry)) {
        ISCSI_TRY_VOID(insert(kmod, entry, name));
    }
    return {};
}

}  // namespace iscsi::os

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/thread.hpp"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <csignal>
#include <memory>

namespace iscsi::os {

namespace {

void* run(void* argument) {
    const std::unique_ptr<std::function<void()>> work(
        static_cast<std::function<void()>*>(argument));
    (*work)();
    return nullptr;
}

}  // namespace

base::Status start_detached(std::function<void()> work) {
    auto owned = std::make_unique<std::function<void()>>(std::move(work));
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);  // the thread inherits it
    pthread_t thread{};
    const int error = ::pthread_create(&thread, nullptr, run, owned.get());
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (error != 0) {
        return base::fail_errno(base::ErrorCode::NoMemory, error, "cannot start a thread");
    }
    (void)owned.release();  // the thread's
    ::pthread_detach(thread);
    return {};
}

void keep_only_descriptor(int kept) {
    if (::unshare(CLONE_FILES) != 0) return;  // all others' would be closed
    const auto number = static_cast<unsigned>(kept);
    if (number > 0) (void)::close_range(0, number - 1, 0);
    (void)::close_range(number + 1, ~0U, 0);
}

}  // namespace iscsi::os

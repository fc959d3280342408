// SPDX-License-Identifier: LGPL-2.1-or-later
#include "userd/io_queue.hpp"

#include <latch>

namespace iscsi::userd {

void IoQueue::post(Call call) {
    {
        const std::lock_guard lock(mutex_);
        posted_.push_back(std::move(call));
    }
    wake_up_.signal();
}

void IoQueue::call_and_wait(Call call) {
    std::latch done(1);
    post([&] {
        call();
        done.count_down();
    });
    done.wait();
}

void IoQueue::run_posted() {
    wake_up_.drain();
    std::vector<Call> calls;
    {
        const std::lock_guard lock(mutex_);
        calls.swap(posted_);
    }
    for (Call& call : calls) call();
}

}  // namespace iscsi::userd

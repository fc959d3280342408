// SPDX-License-Identifier: LGPL-2.1-or-later
#include "userd/setup_thread.hpp"

namespace iscsi::userd {

SetupThread::SetupThread() : thread_([this] { run(); }) {}

SetupThread::~SetupThread() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    news_.notify_one();
    thread_.join();
}

void SetupThread::give(Job job) {
    {
        const std::lock_guard lock(mutex_);
        jobs_.push_back(std::move(job));
    }
    news_.notify_one();
}

void SetupThread::run() {
    std::unique_lock lock(mutex_);
    while (true) {
        news_.wait(lock, [this] { return ending_ || !jobs_.empty(); });
        if (jobs_.empty()) return;
        Job job = std::move(jobs_.front());
        jobs_.pop_front();
        lock.unlock();
        job();
        lock.lock();
    }
}

}  // namespace iscsi::userd

// SPDX-License-Identifier: LGPL-2.1-or-later
// The thread for everything that may block: scanning, loop devices, links. Jobs run one after the
// other. Loop devices are read through this very process: the I/O thread must never do this work.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace iscsi::userd {

class SetupThread {
public:
    using Job = std::move_only_function<void()>;

    SetupThread();
    // Waits for the jobs given so far.
    ~SetupThread();
    SetupThread(const SetupThread&) = delete;
    SetupThread& operator=(const SetupThread&) = delete;

    void give(Job job);

private:
    void run();

    std::mutex mutex_;
    std::condition_variable news_;
    std::deque<Job> jobs_;
    bool ending_ = false;
    std::thread thread_;
};

}  // namespace iscsi::userd

// SPDX-License-Identifier: LGPL-2.1-or-later
// The way from other threads to the I/O thread.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "base/error.hpp"
#include "os/epoll.hpp"

namespace iscsi::userd {

class IoQueue {
public:
    using Call = std::move_only_function<void()>;

    explicit IoQueue(os::WakeUp wake_up) : wake_up_(std::move(wake_up)) {}

    // Any thread: the call will be made by the I/O thread.
    void post(Call call);
    // Any thread but the I/O thread: returns when the call has been made.
    void call_and_wait(Call call);

    // I/O thread: readable when calls wait; makes them.
    int fd() const { return wake_up_.fd(); }
    void run_posted();

private:
    os::WakeUp wake_up_;
    std::mutex mutex_;
    std::vector<Call> posted_;
};

}  // namespace iscsi::userd

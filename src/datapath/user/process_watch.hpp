// SPDX-License-Identifier: LGPL-2.1-or-later
// Tells when a process has ended, and how.
#pragma once

#include <sys/types.h>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <string>

namespace iscsi::datapath {

class ProcessWatch {
public:
    // Called once, from the event loop. `how` is empty for a process that is no child of ours.
    using Handler = std::function<void(std::string how)>;

    // A child is removed from the process table when it has ended.
    ProcessWatch(asio::io_context& io, pid_t pid, Handler handler);

private:
    asio::posix::stream_descriptor pidfd_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // the handler looks at it
};

// Sees a child off, whatever becomes of it: nobody waits for it, and it must not stay a zombie.
void collect_in_background(asio::io_context& io, pid_t pid);

}  // namespace iscsi::datapath

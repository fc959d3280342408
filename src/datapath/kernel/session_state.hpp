// SPDX-License-Identifier: LGPL-2.1-or-later
// What KernelDataPath remembers of one session. Private to kernel/.
#pragma once

#include <asio/steady_timer.hpp>

#include "datapath/kernel/kernel_data_path.hpp"

namespace iscsi::datapath {

struct KernelDataPath::Session {
    SessionKey key;
    kernel::KernelSession kernel;  // without a number until its first connection
    SessionSpec spec;
    std::uint64_t generation = 0;  // of the connection that is bound, or was last
    bool bound = false;            // the kernel has a socket
    bool started = false;          // and carries commands over it
    bool lost = false;             // its failure has been reported
    Closing closing = Closing::No;
    std::chrono::seconds closing_timeout{0};
    std::uint32_t login_tag = 0;  // of the request under way: the kernel puts its own into it
    std::unique_ptr<asio::steady_timer> limit;

    bool made() const { return kernel.sid != 0; }
};

}  // namespace iscsi::datapath

// SPDX-License-Identifier: LGPL-2.1-or-later
// The priority of the kernel's thread that sends a session's PDUs
// (node.session.xmit_thread_priority).
#pragma once

#include <cstdint>

namespace iscsi::datapath::kernel {

// `nice`: -20 to 19; the kernel begins with -20. False where there is no such thread, or it may
// not be changed: then throughput and latency could suffer, and nothing else.
bool set_xmit_priority(std::uint32_t host_no, std::int32_t nice);

}  // namespace iscsi::datapath::kernel

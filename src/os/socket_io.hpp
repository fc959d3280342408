// SPDX-License-Identifier: LGPL-2.1-or-later
// Scattered reads and gathered writes on a nonblocking stream socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.hpp"

namespace iscsi::os {

enum class IoOutcome : std::uint8_t { Moved, WouldBlock, Closed, Failed };

struct IoResult {
    IoOutcome outcome = IoOutcome::Failed;
    std::size_t bytes = 0;  // Moved: at least one
    int error_number = 0;   // Failed
};

inline constexpr std::size_t kIoSpansMax = 1024;  // more are left for the next call

// The spans may be empty one by one, not all of them.
IoResult receive_into(int socket, std::span<const base::ByteSpan> spans);
IoResult send_from(int socket, std::span<const base::ConstByteSpan> spans);

// Nonblocking, small requests go out at once.
void prepare_data_socket(int socket);
// Closing sends a reset: data in flight to a lost connection is of no use.
void reset_on_close(int socket);

}  // namespace iscsi::os

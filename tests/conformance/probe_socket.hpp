// SPDX-License-Identifier: LGPL-2.1-or-later
// Sockets of the probe: non-blocking, numeric or local names only.
#pragma once

#include <cstddef>
#include <expected>
#include <span>
#include <string>

#include "base/bytes.hpp"
#include "os/fd.hpp"
#include "session/supervisor.hpp"

namespace iscsi::conformance {

// A socket that is being connected, or why not.
std::expected<os::Fd, std::string> start_connect(const session::TargetPortal& portal);
// 0, or the errno that connecting ended with.
int connect_result(const os::Fd& socket);

// Bytes moved; 0 when the socket is not ready; an errno, or 0 for an orderly end of the stream.
std::expected<std::size_t, int> send_some(const os::Fd& socket,
                                          std::span<const base::ConstByteSpan> spans);
std::expected<std::size_t, int> receive_some(const os::Fd& socket,
                                             std::span<const base::ByteSpan> spans);

}  // namespace iscsi::conformance

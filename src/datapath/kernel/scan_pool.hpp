// SPDX-License-Identifier: LGPL-2.1-or-later
// Threads for scans, which may hang in the kernel for as long as a target is silent. Whoever ends
// does not wait for them.
#pragma once

#include <asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>

#include "datapath/kernel/scanner.hpp"

namespace iscsi::datapath::kernel {

// How long the end waits for scans that run: most are over in a moment.
inline constexpr std::chrono::milliseconds kScanEndLimit{500};

class ScanPool {
public:
    // `scan` may block, and is called from threads of the pool.
    using Scan = std::function<ScanOutcome(const ScanRequest&)>;
    ScanPool(asio::io_context& io, Scan scan);
    ScanPool(const ScanPool&) = delete;
    ScanPool& operator=(const ScanPool&) = delete;
    // Scans that have not begun are dropped. One that still hangs after kScanEndLimit is left to
    // itself; its handler is not called.
    ~ScanPool();

    // `done` is called from the event loop.
    void run(const ScanRequest& request, std::function<void(ScanOutcome)> done);

private:
    struct Shared;
    std::shared_ptr<Shared> shared_;  // owners: this, and the scans that run
};

}  // namespace iscsi::datapath::kernel

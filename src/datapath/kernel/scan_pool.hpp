// SPDX-License-Identifier: LGPL-2.1-or-later
// Threads for scans, which may hang in the kernel for as long as a target is silent. Those that do
// hold up no other session's, and whoever ends, or takes the place of a killed process, does not
// wait for them.
#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/error.hpp"
#include "datapath/kernel/scanner.hpp"

namespace iscsi::datapath::kernel {

// Scans at the same time; more wait. One that takes longer than kScanSlow does not count any more,
// and makes room for two, so that soon all hang that can.
inline constexpr std::size_t kScansMax = 16;
inline constexpr std::chrono::milliseconds kScanSlow{250};
// How long the end waits for scans that run: most are over in a moment.
inline constexpr std::chrono::milliseconds kScanEndLimit{500};

class ScanPool {
public:
    // `scan` may block, and is called from threads of the pool, which have no descriptors of the
    // process: it must neither use any that it has not opened nor log.
    using Scan = std::function<ScanOutcome(const ScanRequest&)>;
    using Done = std::function<void(const base::Result<ScanOutcome>&)>;
    // Runs a function in a thread of its own: os::start_detached.
    using StartThread = std::function<base::Status(std::function<void()>)>;

    ScanPool(asio::io_context& io, Scan scan);
    ScanPool(asio::io_context& io, Scan scan, StartThread start_thread);
    ScanPool(const ScanPool&) = delete;
    ScanPool& operator=(const ScanPool&) = delete;
    // Scans that have not begun are dropped. One that still hangs after kScanEndLimit is left to
    // itself; its handler is not called.
    ~ScanPool();

    // `done` is called from the event loop. Scans of one session follow each other, and all who ask
    // for one that has not begun get the one answer, so there are never more than sessions. Error
    // (NoMemory): there can be no thread for it.
    void run(const ScanRequest& request, Done done);

private:
    struct Shared;

    void start_threads();
    void wait_for_news();

    asio::io_context& io_;
    StartThread start_thread_;
    std::shared_ptr<Shared> shared_;  // owners: this, and the scans that run
    asio::steady_timer timer_;        // while scans wait for slow ones
    asio::posix::stream_descriptor news_;
};

}  // namespace iscsi::datapath::kernel

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "datapath/kernel/scan_pool.hpp"

#include <algorithm>
#include <asio/post.hpp>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <utility>

#include "base/instant.hpp"
#include "os/clock.hpp"
#include "os/thread.hpp"

namespace iscsi::datapath::kernel {

struct ScanPool::Shared {
    struct Job {
        ScanRequest request;
        Done done;
        // Waking LUNs waits for no scan: it may be what the scan waits for.
        std::pair<std::uint32_t, bool> key() const { return {request.sid, request.wake_only}; }
    };

    Scan scan;
    std::mutex mutex;
    std::condition_variable idle;
    asio::io_context* io = nullptr;  // none: the pool has ended
    std::deque<Job> waiting;
    std::map<std::pair<std::uint32_t, bool>, base::Instant> running;  // since when
    std::size_t threads = 0;

    std::deque<Job>::iterator next() {
        return std::ranges::find_if(
            waiting, [this](const Job& job) { return !running.contains(job.key()); });
    }
    std::size_t threads_max() const {
        const base::Instant slow = os::now() - kScanSlow;
        return kScansMax + static_cast<std::size_t>(std::ranges::count_if(
                               running, [slow](const auto& job) { return job.second < slow; }));
    }

    // A thread's life: as long as there is work.
    void work() {
        std::unique_lock lock(mutex);
        for (auto found = next(); io != nullptr && found != waiting.end(); found = next()) {
            Job job = std::move(*found);
            waiting.erase(found);
            running[job.key()] = os::now();
            lock.unlock();
            const ScanOutcome outcome = scan(job.request);
            lock.lock();
            running.erase(job.key());
            if (io == nullptr) break;
            asio::post(*io, [done = std::move(job.done), outcome] { done(outcome); });
        }
        if (--threads == 0) idle.notify_all();
    }
};

ScanPool::ScanPool(asio::io_context& io, Scan scan)
    : ScanPool(io, std::move(scan), os::start_detached) {}

ScanPool::ScanPool(asio::io_context& io, Scan scan, StartThread start_thread)
    : io_(io),
      start_thread_(std::move(start_thread)),
      shared_(std::make_shared<Shared>()),
      timer_(io) {
    shared_->scan = std::move(scan);
    shared_->io = &io;
}

ScanPool::~ScanPool() {
    std::unique_lock lock(shared_->mutex);
    shared_->io = nullptr;
    shared_->waiting.clear();
    shared_->idle.wait_for(lock, kScanEndLimit, [this] { return shared_->threads == 0; });
}

void ScanPool::run(const ScanRequest& request, Done done) {
    {
        const std::lock_guard lock(shared_->mutex);
        shared_->waiting.push_back({request, std::move(done)});
    }
    start_threads();
}

// One for what has just come, and when threads have turned out to be slow one for each of them.
void ScanPool::start_threads() {
    const std::lock_guard lock(shared_->mutex);
    auto& waiting = shared_->waiting;
    const std::size_t most = std::min(shared_->threads_max(), shared_->threads + waiting.size());
    while (shared_->threads < most && shared_->next() != waiting.end()) {
        ++shared_->threads;
        const auto started = start_thread_([shared = shared_] { shared->work(); });
        if (started) continue;
        if (--shared_->threads > 0) break;  // those that there are do it
        for (auto& job : std::exchange(waiting, {})) {
            asio::post(io_, [done = std::move(job.done), error = started.error()] {
                done(std::unexpected(error));
            });
        }
    }
    if (waiting.empty()) return;
    timer_.expires_after(kScanSlow);
    timer_.async_wait([this](asio::error_code error) {
        if (!error) start_threads();
    });
}

}  // namespace iscsi::datapath::kernel

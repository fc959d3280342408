// SPDX-License-Identifier: LGPL-2.1-or-later
#include "datapath/kernel/scan_pool.hpp"

#include <asio/post.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace iscsi::datapath::kernel {

namespace {

// Scans at the same time; more wait.
constexpr std::size_t kThreadsMax = 16;

}  // namespace

struct ScanPool::Shared {
    struct Job {
        ScanRequest request;
        std::function<void(ScanOutcome)> done;
    };

    Scan scan;
    std::mutex mutex;
    std::condition_variable idle;
    asio::io_context* io = nullptr;  // none: the pool has ended
    std::deque<Job> waiting;
    std::size_t threads = 0;

    // A thread's life: as long as there is work.
    void work() {
        std::unique_lock lock(mutex);
        while (io != nullptr && !waiting.empty()) {
            Job job = std::move(waiting.front());
            waiting.pop_front();
            lock.unlock();
            const ScanOutcome outcome = scan(job.request);
            lock.lock();
            if (io == nullptr) break;
            asio::post(*io, [done = std::move(job.done), outcome] { done(outcome); });
        }
        if (--threads == 0) idle.notify_all();
    }
};

ScanPool::ScanPool(asio::io_context& io, Scan scan) : shared_(std::make_shared<Shared>()) {
    shared_->scan = std::move(scan);
    shared_->io = &io;
}

ScanPool::~ScanPool() {
    std::unique_lock lock(shared_->mutex);
    shared_->io = nullptr;
    shared_->waiting.clear();
    shared_->idle.wait_for(lock, kScanEndLimit, [this] { return shared_->threads == 0; });
}

void ScanPool::run(const ScanRequest& request, std::function<void(ScanOutcome)> done) {
    const std::lock_guard lock(shared_->mutex);
    shared_->waiting.push_back({request, std::move(done)});
    if (shared_->threads >= kThreadsMax) return;
    ++shared_->threads;
    std::thread([shared = shared_] { shared->work(); }).detach();
}

}  // namespace iscsi::datapath::kernel

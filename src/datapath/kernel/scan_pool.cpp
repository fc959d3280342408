// SPDX-License-Identifier: LGPL-2.1-or-later
#include "datapath/kernel/scan_pool.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <asio/post.hpp>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "base/instant.hpp"
#include "os/clock.hpp"
#include "os/fd.hpp"
#include "os/thread.hpp"

namespace iscsi::datapath::kernel {

struct ScanPool::Shared {
    // Waking LUNs waits for no scan: it may be what the scan waits for.
    using Key = std::pair<std::uint32_t, bool>;
    static Key key_of(const ScanRequest& request) { return {request.sid, request.wake_only}; }
    struct Job {
        ScanRequest request;
        std::vector<Done> handlers;
    };
    struct Finished {
        std::vector<Done> handlers;
        ScanOutcome outcome;
    };

    Scan scan;
    // Counts up when something has finished: Asio has no way to be woken that survives
    // keep_only_descriptor().
    os::Fd news;
    std::mutex mutex;
    std::condition_variable idle;
    bool ended = false;
    std::deque<Job> waiting;
    std::map<Key, base::Instant> running;  // since when
    std::vector<Finished> finished;
    std::size_t threads = 0;

    bool may_begin(const Job& job) const { return !running.contains(key_of(job.request)); }
    std::deque<Job>::iterator next() {
        return std::ranges::find_if(waiting, [this](const Job& job) { return may_begin(job); });
    }
    std::size_t slow_ones() const {
        const base::Instant slow = os::now() - kScanSlow;
        return static_cast<std::size_t>(
            std::ranges::count_if(running, [slow](const auto& job) { return job.second < slow; }));
    }

    void add(const ScanRequest& request, Done done) {
        const auto same = std::ranges::find(waiting, key_of(request),
                                            [](const Job& job) { return key_of(job.request); });
        if (same == waiting.end()) {
            waiting.push_back({request, {}});
            return waiting.back().handlers.push_back(std::move(done));
        }
        same->request = request;
        same->handlers.push_back(std::move(done));
    }

    // A thread's life: as long as there is work.
    void work() {
        os::keep_only_descriptor(news.get());
        std::unique_lock lock(mutex);
        for (auto found = next(); !ended && found != waiting.end(); found = next()) {
            Job job = std::move(*found);
            waiting.erase(found);
            running[key_of(job.request)] = os::now();
            lock.unlock();
            const ScanOutcome outcome = scan(job.request);
            lock.lock();
            running.erase(key_of(job.request));
            if (ended) break;
            finished.push_back({std::move(job.handlers), outcome});
            // A full counter has told it already.
            (void)::eventfd_write(news.get(), 1);
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
      timer_(io),
      news_(io) {
    shared_->scan = std::move(scan);
    shared_->news = os::Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!shared_->news) return;  // run() says so
    news_.assign(shared_->news.get());
    wait_for_news();
}

ScanPool::~ScanPool() {
    if (news_.is_open()) news_.release();  // the descriptor is shared with the threads
    std::unique_lock lock(shared_->mutex);
    shared_->ended = true;
    shared_->waiting.clear();
    shared_->idle.wait_for(lock, kScanEndLimit, [this] { return shared_->threads == 0; });
}

void ScanPool::wait_for_news() {
    news_.async_wait(asio::posix::stream_descriptor::wait_read, [this](asio::error_code error) {
        if (error) return;
        eventfd_t count = 0;
        (void)::eventfd_read(shared_->news.get(), &count);
        std::unique_lock lock(shared_->mutex);
        const auto finished = std::exchange(shared_->finished, {});
        lock.unlock();
        wait_for_news();
        for (const auto& scan : finished) {
            for (const Done& done : scan.handlers) {
                // A handler may be the end of the pool: each has a turn of its own.
                asio::post(io_, [done, outcome = scan.outcome] { done(outcome); });
            }
        }
    });
}

void ScanPool::run(const ScanRequest& request, Done done) {
    if (!shared_->news) {
        return asio::post(io_, [done = std::move(done)] {
            done(base::fail(base::ErrorCode::NoMemory, "no descriptor was left for scans"));
        });
    }
    {
        const std::lock_guard lock(shared_->mutex);
        shared_->add(request, std::move(done));
    }
    start_threads();
}

void ScanPool::start_threads() {
    const std::lock_guard lock(shared_->mutex);
    Shared& shared = *shared_;
    const std::size_t slow = shared.slow_ones();
    const std::size_t most = std::min(kScansMax + 2 * slow, shared.threads + shared.waiting.size());
    while (shared.threads < most && shared.next() != shared.waiting.end()) {
        ++shared.threads;
        const auto started = start_thread_([shared = shared_] { shared->work(); });
        if (started) continue;
        if (--shared.threads > slow) break;  // those that there are do it
        for (auto found = shared.next(); found != shared.waiting.end(); found = shared.next()) {
            for (Done& done : found->handlers) {
                asio::post(io_, [done = std::move(done), error = started.error()] {
                    done(std::unexpected(error));
                });
            }
            shared.waiting.erase(found);
        }
    }
    if (shared.next() == shared.waiting.end()) return;
    timer_.expires_after(kScanSlow);
    timer_.async_wait([this](asio::error_code error) {
        if (!error) start_threads();
    });
}

}  // namespace iscsi::datapath::kernel

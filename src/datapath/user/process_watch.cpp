// SPDX-License-Identifier: LGPL-2.1-or-later
#include "datapath/user/process_watch.hpp"

#include <asio/post.hpp>
#include <utility>

#include "os/process.hpp"

namespace iscsi::datapath {

ProcessWatch::ProcessWatch(asio::io_context& io, pid_t pid, Handler handler) : pidfd_(io) {
    auto report = [pid, handler = std::move(handler), alive = std::weak_ptr(alive_)] {
        if (!alive.expired()) handler(os::collect_child(pid));
    };
    auto watched = os::watch_process(pid);
    if (!watched) {  // it has ended already
        asio::post(io, std::move(report));
        return;
    }
    pidfd_.assign(watched->release());
    pidfd_.async_wait(asio::posix::stream_descriptor::wait_read,
                      [report = std::move(report)](asio::error_code error) {
                          if (!error) report();
                      });
}

void collect_in_background(asio::io_context& io, pid_t pid) {
    // Owner: the handler itself, until it has run.
    auto self = std::make_shared<std::unique_ptr<ProcessWatch>>();
    *self = std::make_unique<ProcessWatch>(
        io, pid, [&io, self](const std::string&) { asio::post(io, [self] { self->reset(); }); });
}

}  // namespace iscsi::datapath

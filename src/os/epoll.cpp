// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/epoll.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <cerrno>

#include "base/check.hpp"
#include "os/clock.hpp"

namespace iscsi::os {

namespace {

epoll_event make_event(std::uint64_t token, Epoll::Interest interest) {
    epoll_event event{};
    event.events = (interest.readable ? std::uint32_t{EPOLLIN} : 0u) |
                   (interest.writable ? std::uint32_t{EPOLLOUT} : 0u);
    event.data.u64 = token;
    return event;
}

}  // namespace

base::Result<Epoll> Epoll::create() {
    Fd fd(::epoll_create1(EPOLL_CLOEXEC));
    if (!fd) return base::fail_errno(base::ErrorCode::Internal, errno, "epoll_create1");
    return Epoll(std::move(fd));
}

base::Status Epoll::add(int fd, std::uint64_t token, Interest interest) {
    epoll_event event = make_event(token, interest);
    if (::epoll_ctl(fd_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
        return base::fail_errno(base::ErrorCode::Internal, errno, "epoll_ctl");
    }
    return {};
}

void Epoll::change(int fd, std::uint64_t token, Interest interest) {
    epoll_event event = make_event(token, interest);
    // Fails only for a descriptor that was never added: our bug.
    CHECK(::epoll_ctl(fd_.get(), EPOLL_CTL_MOD, fd, &event) == 0);
}

void Epoll::remove(int fd) { CHECK(::epoll_ctl(fd_.get(), EPOLL_CTL_DEL, fd, nullptr) == 0); }

std::span<const Epoll::Ready> Epoll::wait(base::Instant until) {
    std::array<epoll_event, kBatch> events;
    const int count = ::epoll_wait(fd_.get(), events.data(), static_cast<int>(events.size()),
                                   poll_timeout_ms(until));
    if (count <= 0) return {};
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
        ready_[i] = {.token = events[i].data.u64,
                     .readable = (events[i].events & EPOLLIN) != 0,
                     .writable = (events[i].events & EPOLLOUT) != 0,
                     .broken = (events[i].events & (EPOLLERR | EPOLLHUP)) != 0};
    }
    return std::span(ready_).first(static_cast<std::size_t>(count));
}

base::Result<WakeUp> WakeUp::create() {
    Fd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!fd) return base::fail_errno(base::ErrorCode::Internal, errno, "eventfd");
    return WakeUp(std::move(fd));
}

void WakeUp::signal() const {
    const std::uint64_t one = 1;
    // EAGAIN means that the counter is full: the other side is going to wake up anyway.
    (void)!::write(fd_.get(), &one, sizeof one);
}

void WakeUp::drain() const {
    std::uint64_t count = 0;
    (void)!::read(fd_.get(), &count, sizeof count);  // EAGAIN: nobody had signalled
}

}  // namespace iscsi::os

// SPDX-License-Identifier: LGPL-2.1-or-later
// Requests to the kernel's iSCSI and the events that come from it, over two netlink sockets: one
// asks and gets its own answers, the other listens to the multicast group. So an answer never waits
// behind events, and a flood of events cannot make an answer disappear.
//
// The kernel works on a request before send() returns, so a request blocks for as long as the
// kernel needs (usually microseconds; stopping a connection may take milliseconds).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "datapath/kernel/uevent.hpp"
#include "os/netlink.hpp"

namespace iscsi::datapath::kernel {

struct Outcome {
    std::int32_t retcode = 0;   // 0, or a negative errno of the operation itself
    std::uint32_t sid = 0;      // CreateSession, CreateConn
    std::uint32_t host_no = 0;  // CreateSession
};

class Channel {
public:
    // Needs CAP_SYS_ADMIN and the initial network namespace, where alone the kernel offers it.
    static base::Result<Channel> open();

    // Sends a request made by uevent.hpp's functions and returns its answer. An interface error
    // becomes Error Internal, or NotSupported where the kernel has no such operation (ENOSYS).
    base::Result<Outcome> request(const Bytes& request);
    // As request(), and a nonzero retcode is an error as well; `what` names the operation.
    base::Result<Outcome> demand(const Bytes& request, std::string_view what);

    struct StatsPayload {
        Bytes bytes;  // struct iscsi_stats, see decode_stats()
    };
    // Statistics come as an event of the group, unlike every other answer.
    base::Result<StatsPayload> stats(const ConnectionId& id);

    // The next event, or nullopt if there is none now. The bytes are whole uevents for decode().
    struct Event {
        bool overrun = false;  // events were lost: compare with sysfs
        Bytes bytes;
    };
    base::Result<std::optional<Event>> next_event();
    // Readable when next_event() may have something (or already queued: call until nullopt).
    int event_fd() const { return events_.fd(); }

private:
    Channel(os::NetlinkSocket requests, os::NetlinkSocket events)
        : requests_(std::move(requests)), events_(std::move(events)) {}
    base::Result<Answer> await_answer(UeventType type, Bytes& storage);

    os::NetlinkSocket requests_;
    os::NetlinkSocket events_;
    std::deque<Event> queued_;  // came while stats() was waiting for its own
};

}  // namespace iscsi::datapath::kernel

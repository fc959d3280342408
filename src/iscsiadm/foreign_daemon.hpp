// SPDX-License-Identifier: LGPL-2.1-or-later
// An iscsid that is not ours: open-iscsi's, of any 2.1.x, which knows only the fixed-size requests
// of control/legacy.hpp. One connection carries one request about one session, so a request of ours
// becomes several; what iscsid does for us and open-iscsi's does not (scans) is done here.
#pragma once

#include <functional>
#include <optional>

#include "base/error.hpp"
#include "control/legacy.hpp"
#include "control/messages.hpp"
#include "datapath/kernel/sysfs.hpp"
#include "os/control_client.hpp"

namespace iscsi::iscsiadm {

// Whom a probe has met.
struct Peer {
    // What requests the daemon takes; nullopt: it is ours and takes JSON.
    std::optional<control::legacy::Version> foreign;
};

// A fresh connection to the daemon.
using Connector = std::function<base::Result<os::ControlClient>()>;
using Patience = std::optional<std::chrono::milliseconds>;  // none: without limit

// Finds out whom `first` is connected to, by a question that any iscsid answers: where its
// configuration is. It is asked in the longest layout. Who expects a shorter one answers, and
// closes with the rest unread, which the kernel tells; so nobody is left waiting for more. A daemon
// with another layout than those known: RequestTimedOut, or DaemonCommunication. The daemon's own
// refusal: its code.
base::Result<Peer> probe(os::ControlClient first, const Connector& connect, Patience patience);

class ForeignDaemon {
public:
    using AnswerHandler = std::function<void(const control::Answer&)>;

    ForeignDaemon(control::legacy::Version version, Connector connect)
        : version_(version), connect_(std::move(connect)) {}

    // As Daemon::ask(). Answers come in the order of the request's items.
    base::Result<control::Done> ask(const control::Request& request, Patience patience,
                                    const AnswerHandler& on_answer);

private:
    using Command = control::legacy::Command;

    base::Result<os::ControlClient> send(const control::legacy::Request& request) const;
    // Sends and waits for the reply, whose code is no error here.
    base::Result<control::legacy::Reply> exchange(const control::legacy::Request& request,
                                                  Patience patience) const;

    // Sends all requests, a bounded number at a time, then reads the replies.
    std::vector<control::ItemDone> exchange_all(
        const std::vector<control::legacy::Request>& requests, bool wait, Patience patience) const;
    // Gives the items the sessions that have come up since there were `earlier`.
    void find_sids(const control::Login& login, const std::vector<std::uint32_t>& earlier,
                   std::vector<control::ItemDone>& items) const;

    control::Done run(const control::Login& login, Patience, const AnswerHandler&) const;
    control::Done run(const control::Logout& logout, Patience, const AnswerHandler&) const;
    control::Done run(const control::ListSessions& list, Patience, const AnswerHandler&) const;
    control::Done run(const control::GetStats& stats, Patience, const AnswerHandler&) const;
    control::Done run(const control::Rescan& rescan, Patience, const AnswerHandler&) const;
    control::Done run(const control::GetInfo& info, Patience, const AnswerHandler&) const;
    control::Done run(const control::Stop& stop, Patience, const AnswerHandler&) const;

    control::legacy::Version version_;
    Connector connect_;
    datapath::kernel::Sysfs sysfs_;
};

}  // namespace iscsi::iscsiadm

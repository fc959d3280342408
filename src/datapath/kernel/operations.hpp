// SPDX-License-Identifier: LGPL-2.1-or-later
// What iscsid does with a kernel session, as sequences of requests: create, bind a socket, tell the
// kernel who talks to whom, hand over what was negotiated, start, stop, destroy. Each call blocks
// for as long as the kernel works on it (microseconds to milliseconds).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "datapath/kernel/channel.hpp"
#include "datapath/kernel/sysfs.hpp"
#include "datapath/kernel/uevent.hpp"
#include "record/node.hpp"
#include "session/negotiated.hpp"

namespace iscsi::datapath::kernel {

// A session in the kernel; its one connection has cid 0.
struct KernelSession {
    TransportView transport;
    std::uint32_t sid = 0;
    std::uint32_t host_no = 0;

    ConnectionId connection() const { return {transport.handle, sid, 0}; }
};

// A parameter as it travels.
struct ParamValue {
    Param param;
    std::string value;
    bool operator==(const ParamValue&) const = default;
};

struct Identity {
    const record::Node* node = nullptr;
    std::string initiator_name;  // the one in use
};

// What the kernel must know before the login, in open-iscsi's order. Texts that are not set are not
// sent. `kernel_pings` is false where the kernel has no ping timeouts.
std::vector<ParamValue> identity_params(const Identity& identity, bool kernel_pings);

// What the login has agreed on, in open-iscsi's order, without what the transport cannot do.
std::vector<ParamValue> negotiated_params(const session::LoggedIn& login, std::int32_t tpgt,
                                          const TransportView& transport);

class Operations {
public:
    // Both must outlive the object.
    Operations(Channel& channel, const Sysfs& sysfs) : channel_(channel), sysfs_(sysfs) {}

    // A session with its connection; nothing is left behind on failure.
    base::Result<KernelSession> create(const TransportView& transport,
                                       const record::Session& settings);
    // Gives the kernel a connected socket and tells it the identities. The kernel takes a reference
    // of the socket; the caller may close its descriptor afterwards.
    base::Status bind(const KernelSession& session, int socket, const Identity& identity);
    base::Status send_pdu(const KernelSession& session, base::ConstByteSpan bhs,
                          base::ConstByteSpan data);
    // After the login: parameters, then START_CONN.
    base::Status start(const KernelSession& session, const session::LoggedIn& login,
                       std::int32_t tpgt);
    // The connection is of no use any more; the session keeps its devices and queues I/O.
    base::Status stop_for_recovery(const KernelSession& session);
    // Removes the session's devices; SessionUnbound tells when that is done.
    base::Status unbind(const KernelSession& session);
    // Ends connection and session, in whatever state they are.
    base::Status destroy(const KernelSession& session, bool connection_in_use);

private:
    base::Status set(const ConnectionId& id, const ParamValue& value);
    base::Status set_all(const ConnectionId& id, const std::vector<ParamValue>& values);
    void set_host_params(const KernelSession& session, const record::Iface& iface);

    Channel& channel_;
    const Sysfs& sysfs_;
};

}  // namespace iscsi::datapath::kernel

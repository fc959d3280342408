// SPDX-License-Identifier: LGPL-2.1-or-later
// Moves the data of logged-in sessions: Linux' iSCSI transport class, or our own iscsi-userd. Both
// are driven by the same verbs, so that login, recovery and policy exist once:
//
//   create ──▶ start (a logged-in socket) ──▶ rescan, stats, status ──▶ logout ──▶ Gone
//                 ▲        │ ConnectionError                       └─▶ stop(Terminate) ──▶ Gone
//                 └────────┘ stop(Recover), log in again
//
// Nothing blocks. A verb's outcome arrives later, from the event loop and never from inside the
// verb, as an event or in the handler passed along. While the data path lives each handler is
// called exactly once, whatever becomes of the session: SessionNotFound when it has ended
// meanwhile. Sessions belong to the data path, not to the object: destroying a DataPath leaves them
// running, and find_running() finds them again.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "os/fd.hpp"
#include "proto/pdu.hpp"
#include "record/node.hpp"
#include "session/data_path_events.hpp"
#include "session/negotiated.hpp"

namespace iscsi::datapath {

// The caller's own name for a session, chosen at create() or take() and never used again for
// another one. The data path's number (sid) is known only from Created on.
struct SessionKey {
    std::uint64_t value = 0;
    auto operator<=>(const SessionKey&) const = default;
};

// Everything a data path needs to know about a session besides its connections.
struct SessionSpec {
    record::Node node;           // with the secrets; a data path keeps those to itself
    std::string initiator_name;  // the one in use
    std::string transport;       // the record's word, shown in listings
};

// A connection in full-feature phase, to be taken over.
struct LoggedInConnection {
    os::Fd socket;
    std::uint64_t generation =
        0;  // greater than any before; comes back in this connection's events
    session::LoggedIn login;
    std::string current_address;  // the target's numeric address
    std::uint16_t current_port = 3260;
    std::string local_address;  // our end, numeric
};

// A connected socket for bind(): the login is still to come.
struct ConnectedSocket {
    os::Fd socket;
    std::uint64_t generation = 0;  // as in LoggedInConnection
    std::string current_address;
    std::uint16_t current_port = 3260;
    std::string local_address;
};

// A PDU for the control plane: what answers a login that travels through the data path.
struct ReceivedPdu {
    std::uint64_t generation = 0;
    proto::Bhs bhs{};
    std::vector<std::byte> data;  // with its padding
};
using PduHandler = std::function<void(SessionKey, ReceivedPdu)>;

enum class StopMode : std::uint8_t {
    Recover,   // drop the connection; devices stay and queue I/O up to replacement_timeout
    Terminate  // fail all I/O, remove the devices, forget the session; Gone follows
};

struct Lun {
    std::uint64_t lun = 0;
    std::uint8_t peripheral_type = 0;
    std::string block_device;  // "loop3"; empty: none
    std::string state;         // Linux' words: running, blocked, transport-offline, offline
    std::string vendor;
    std::string product;
    std::string revision;
    std::uint64_t block_count = 0;
    std::uint32_t block_bytes = 0;
};

struct SessionStatus {
    std::string state;  // sysfs' words: FREE, LOGGED_IN, FAILED
    std::uint64_t host_no = 0;
    std::vector<Lun> luns;  // ascending
};

struct Counter {
    std::string name;  // as iscsiadm -s prints it
    std::uint64_t value = 0;
};
struct Stats {
    std::vector<Counter> counters;
    std::vector<Counter> extended;
};

struct RescanDone {
    std::uint32_t luns = 0;
    std::uint32_t devices = 0;
    // One line for each ...
    std::string problems;  // device that stays although its disk is away
    std::string failures;  // disk that could not be made a device on this machine
    std::string missing;   // disk that has no device, since it cannot be used as it is
    std::string remarks;   // device that is not as its user expects: its disk gave way to another

    // A line for each disk that was asked for and has no device.
    std::string missing_disks() const;
    // What whoever asked must be told: those lines, and the remarks. The data path has logged the
    // latter itself.
    std::string news() const;
};

// A session that an earlier iscsid left running.
struct Adoptable {
    std::uint64_t sid = 0;
    SessionSpec spec;
    bool has_record = true;        // false: the node is what the kernel knows, see the database
    bool has_secrets = true;       // false: the node's CHAP secrets are lost, see the database
    bool logged_in = false;        // its connection is alive: nothing needs to be done
    bool unfinished = false;       // in the middle of its logout, or of its first login: of no use
    std::uint64_t generation = 0;  // of its latest connection
    session::LoggedIn login;       // of its latest connection
    std::string current_address;
    std::uint16_t current_port = 3260;
    std::string local_address;
};

using EventHandler = std::function<void(SessionKey, session::DataPathEvent)>;
template <class T>
using Handler = std::function<void(base::Result<T>)>;

class DataPath {
public:
    virtual ~DataPath() = default;

    virtual std::string_view name() const = 0;  // "user", "kernel"
    // Whoever lists sessions finds their LUNs there, and needs no status() for them.
    virtual bool shows_luns_in_sysfs() const { return false; }

    // Where the events of all sessions go. Set once, before anything else.
    virtual void set_event_handler(EventHandler handler) = 0;

    // Whether the login's PDUs travel through the data path. The kernel wants its socket before the
    // login, since it numbers the commands itself: connect, bind(), log in by send_pdu(), start()
    // without a socket. The others get a socket on which the login is over, and have no use for
    // these three.
    virtual bool carries_login() const { return false; }
    // NOLINTNEXTLINE(performance-unnecessary-value-param)
    virtual void set_pdu_handler(PduHandler /*handler*/) {}
    // Of bind(): the session's number. A path that Created{0} makes its session with its first
    // connection, so that nobody sees one that has no target yet.
    virtual base::Result<std::uint64_t> bind(SessionKey key, ConnectedSocket socket);
    virtual base::Status send_pdu(SessionKey key, const proto::Bhs& bhs, base::ConstByteSpan data);

    // Makes a session without connection: Created or CreateFailed. After CreateFailed the key is
    // free again.
    virtual void create(SessionKey key, SessionSpec spec) = 0;
    // Takes a connection over (bind, negotiated parameters, start), the first or the next one:
    // Started or StartFailed. Devices queue I/O before and carry it after.
    virtual void start(SessionKey key, LoggedInConnection connection) = 0;
    virtual void stop(SessionKey key, StopMode mode) = 0;
    // Removes the devices, sends a Logout request that closes the session, waits for its response:
    // LogoutDone, and on success Gone.
    virtual void logout(SessionKey key, std::chrono::seconds timeout) = 0;
    // Logs the connection out, devices stay: ConnectionLogoutDone.
    virtual void logout_connection(SessionKey key, std::chrono::seconds timeout) = 0;
    // Timeouts, queue sizes or the record have changed.
    virtual void update(SessionKey key, SessionSpec spec) = 0;

    virtual void rescan(SessionKey key, Handler<RescanDone> done) = 0;
    virtual void stats(SessionKey key, Handler<Stats> done) = 0;
    virtual void status(SessionKey key, Handler<SessionStatus> done) = 0;

    // Finds the sessions that run already. `done` is called once; each session in it must then be
    // given a key with take(), before the event loop goes on, or it is left alone.
    virtual void find_running(std::function<void(std::vector<Adoptable>)> done) = 0;
    virtual void take(SessionKey key, std::uint64_t sid) = 0;
};

}  // namespace iscsi::datapath

// SPDX-License-Identifier: LGPL-2.1-or-later
// Moves a session's I/O: the socket, the full-feature engine that speaks iSCSI on it, and the
// scheduler that decides what runs. One thread; the caller waits on the Epoll and for deadline().
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/instant.hpp"
#include "os/epoll.hpp"
#include "os/fd.hpp"
#include "session/full_feature.hpp"
#include "userd/scheduler.hpp"
#include "userd/slot_pool.hpp"

namespace iscsi::userd {

// What happens, told from within pump() and the calls that say so. A handler may submit requests;
// it must not bind, stop or log out.
class InitiatorListener {
public:
    virtual ~InitiatorListener() = default;
    virtual void on_complete(const Complete& complete) = 0;
    virtual void on_connection_error(std::uint32_t number, const std::string& text) = 0;
    virtual void on_async(const session::AsyncReceived& message) = 0;
    virtual void on_logout(const session::LogoutAnswered& answer) = 0;
    virtual void on_recovery_expired() = 0;
    virtual void on_notice(const Notify& notice) = 0;
};

class Initiator {
public:
    struct Config {
        Scheduler::Config scheduler;
        session::FullFeatureConfig engine;
    };
    // What it works with; all of it outlives the initiator.
    struct Surroundings {
        os::Epoll& epoll;           // sockets are watched here, each under a token of its own
        std::uint64_t first_token;  // of the tokens
        const SlotPool& pool;       // its slots are the scheduler's first ones
        InitiatorListener& listener;
    };
    Initiator(const Config& config, std::size_t slots, const Surroundings& surroundings);
    ~Initiator();

    // Takes effect at once for the scheduler, with the next bind for the engine.
    void set_config(const Config& config);
    Scheduler& scheduler() { return scheduler_; }

    // A logged-in connection; replaces the one in use. `received`: bytes read past the login.
    void bind(os::Fd socket, const session::LoggedIn& logged_in, std::string_view received,
              base::Instant now);
    // Drops the connection without a word; I/O waits or fails as the scheduler decides.
    void stop(base::Instant now);
    // Sends a Logout Request; on_logout follows. False: there is no connection to log out.
    bool logout(proto::LogoutReason reason, std::chrono::seconds timeout, base::Instant now);

    // True: the event was for the connection in use, and has been served.
    bool on_ready(const os::Epoll::Ready& ready, base::Instant now);

    // Does what can be done now: call after every submit, publish, bind and event.
    void pump(base::Instant now);

    base::Instant deadline() const;
    void on_deadline(base::Instant now);

    session::SessionStats stats() const;

private:
    bool connected() const;
    void receive(base::Instant now);
    void watch();
    bool send(base::Instant now);
    bool drain_events(base::Instant now);
    bool perform_actions(base::Instant now);
    void perform(const Action& action, base::Instant now);
    void start(Slot slot, base::Instant now);
    void abort(Slot slot, base::Instant now);
    void on_reset_sent(bool sent);
    void on_task_done(const session::TaskDone& done, base::Instant now);
    void on_event(const session::FullFeatureEvent& event, base::Instant now);
    void on_dropped(const session::Dropped& dropped, base::Instant now);
    void close_connection(base::Instant now, Loss loss = Loss::Link);
    void note_progress(base::Instant now);
    void feed(std::string_view bytes, base::Instant now);

    Config config_;
    os::Epoll& epoll_;
    const SlotPool& pool_;
    InitiatorListener& listener_;
    Scheduler scheduler_;
    os::Fd socket_;
    std::unique_ptr<session::FullFeature> engine_;
    session::FullFeatureConfig engine_config_;
    session::SessionStats earlier_;             // of engines before this one
    std::vector<session::TaskHandle> handles_;  // by slot
    std::vector<base::ConstByteSpan> touched_;  // of the latest transfer, for note_progress
    std::uint64_t token_;                       // of socket_
    bool send_blocked_ = false;                 // the socket is full: waiting for room
    os::Epoll::Interest watched_;               // what the event loop looks for
};

}  // namespace iscsi::userd

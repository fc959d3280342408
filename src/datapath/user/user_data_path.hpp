// SPDX-License-Identifier: LGPL-2.1-or-later
// The data path in user space: one iscsi-userd process for each session.
//
//   <rundir>/userd/<sid>.sock     its socket; a process that listens there is a running session
//   <rundir>/userd/<sid>.record   0600: the node record with its secrets, for the next iscsid
#pragma once

#include <asio/io_context.hpp>
#include <map>
#include <memory>
#include <string>

#include "datapath/data_path.hpp"
#include "datapath/user/userd_process.hpp"

namespace iscsi::datapath {

// Sids of user-space sessions; the kernel's are small.
inline constexpr std::uint64_t kFirstUserSid = 1'000'001;

class UserDataPath final : public DataPath {
public:
    // How a process that is to end, and may take its time, is found out to be stuck.
    struct Patience {
        std::chrono::milliseconds question{5000};  // before it is asked, and between questions
        std::chrono::seconds answer{10};
    };
    struct Options {
        std::string rundir;
        std::string program;     // iscsi-userd
        bool relay_log = false;  // what the processes log is logged here too
        Patience patience = {};
    };
    UserDataPath(asio::io_context& io, Options options);
    ~UserDataPath() override;

    std::string_view name() const override { return "user"; }
    void set_event_handler(EventHandler handler) override { on_event_ = std::move(handler); }

    void create(SessionKey key, SessionSpec spec) override;
    void start(SessionKey key, LoggedInConnection connection) override;
    void stop(SessionKey key, StopMode mode) override;
    void logout(SessionKey key, std::chrono::seconds timeout) override;
    void logout_connection(SessionKey key, std::chrono::seconds timeout) override;
    void update(SessionKey key, SessionSpec spec) override;
    void rescan(SessionKey key, Handler<RescanDone> done) override;
    void stats(SessionKey key, Handler<Stats> done) override;
    void status(SessionKey key, Handler<SessionStatus> done) override;
    void find_running(std::function<void(std::vector<Adoptable>)> done) override;
    void take(SessionKey key, std::uint64_t sid) override;

private:
    struct Session;
    struct Search;

    Session* find(SessionKey key);
    void report(SessionKey key, session::DataPathEvent event);        // now
    void report_later(SessionKey key, session::DataPathEvent event);  // from the event loop
    // Of this object's own requests: its answer may come when the object has gone.
    AnswerHandler while_alive(AnswerHandler handler) const;
    UserdProcess::Handlers handlers_for(Session& session);
    UserdProcess::Handlers early_handlers(Session& session);
    base::Status launch(SessionKey key, Session& session);
    void watch_end(SessionKey key);
    void ask_whether_it_lives(SessionKey key);
    void on_userd_event(Session& session, const userlink::Event& event);
    void on_closed(Session& session, const std::string& reason);
    void remove_traces(std::uint64_t sid);
    void forget(SessionKey key);
    void look_at(const std::shared_ptr<Search>& search, std::uint64_t sid);
    base::Status save_record(std::uint64_t sid, const SessionSpec& spec);
    std::string record_path(std::uint64_t sid) const;

    asio::io_context& io_;
    Options options_;
    EventHandler on_event_;
    std::map<SessionKey, std::unique_ptr<Session>> sessions_;
    std::map<std::uint64_t, std::unique_ptr<Session>> found_;  // by sid, until taken
    std::uint64_t next_sid_ = kFirstUserSid;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // as in UserdProcess
};

}  // namespace iscsi::datapath

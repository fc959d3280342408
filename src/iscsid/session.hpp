// SPDX-License-Identifier: LGPL-2.1-or-later
// One session of iscsid: its supervisor, and the hands that do what the supervisor says.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "control/messages.hpp"
#include "datapath/data_path.hpp"
#include "iscsid/known_addresses.hpp"
#include "iscsid/login_run.hpp"
#include "iscsid/pdu_login.hpp"
#include "iscsid/resolver.hpp"
#include "session/supervisor.hpp"

namespace iscsi::iscsid {

// What all sessions share; outlives them.
struct Surroundings {
    asio::io_context& io;
    Resolver& resolver;
    base::Random& random;
};

class Session {
public:
    using Reply = std::function<void(base::ErrorCode, std::string message)>;

    Session(Surroundings& surroundings, datapath::DataPath& path, datapath::SessionKey key,
            datapath::SessionSpec spec);
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session() = default;

    // `finished` is called once, from the event loop, when the session is no more.
    void set_finished(std::function<void()> finished) { finished_ = std::move(finished); }

    // The reply comes when the session is up and its LUNs are found, or has failed for good.
    void begin(std::string initiator_alias, Reply reply);
    // While supervisor().logging_in(): one more who waits for the same outcome.
    void join(Reply reply) { login_replies_.push_back(std::move(reply)); }
    void adopt(const datapath::Adoptable& running);
    // Refused at once (with the reason), or answered when the session is gone.
    base::Status log_out(Reply reply);
    void on_data_path(const session::DataPathEvent& event);
    // Part of a login that travels through the data path.
    void on_pdu(const datapath::ReceivedPdu& pdu);

    // Once it has reached its target for the first time; it has a stand-in for a number before.
    bool has_number() const { return supervisor_.sid() != 0; }
    std::uint64_t sid() const {
        return has_number() ? supervisor_.sid() : control::kFirstUnmadeSid + key_.value;
    }
    datapath::SessionKey key() const { return key_; }
    datapath::DataPath& path() const { return path_; }
    const datapath::SessionSpec& spec() const { return spec_; }
    const session::Supervisor& supervisor() const { return supervisor_; }
    // Of the latest connection.
    const session::LoggedIn& login() const { return login_; }
    const std::string& current_address() const { return current_address_; }
    std::uint16_t current_port() const { return current_port_; }
    const std::string& local_address() const { return local_address_; }

private:
    // Does what the supervisor wants, and sets the timer by it.
    void act();
    void perform(const session::CreateSession&);
    void perform(const session::Connect& action);
    void look_up(const session::Connect& action);
    void perform(const session::StartLogin& action);
    void perform(const session::Abandon&);
    void let_go();
    void perform(const session::StartDataPath& action);
    void perform(const session::StopDataPath& action);
    void perform(const session::SendLogout& action);
    void perform(const session::SendConnectionLogout& action);
    void perform(const session::StartScan&);
    void perform(const session::ReplyLogin& action);
    void perform(const session::ReplyLogout& action);
    void perform(const session::LogLine& action);
    void perform(const session::Finished&);

    void on_login_event(std::uint64_t attempt, session::LoginEngine::Event event);
    void note_addresses();
    session::ScanResult note_scan(const base::Result<datapath::RescanDone>& result) const;
    void log_in_through_path(std::uint64_t attempt, session::LoginConfig config);
    void arm_timer();

    Surroundings& around_;
    datapath::DataPath& path_;
    datapath::SessionKey key_;
    datapath::SessionSpec spec_;
    std::string initiator_alias_;
    session::Supervisor supervisor_;
    asio::steady_timer timer_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // handlers look at it
    KnownAddresses addresses_;
    std::uint64_t attempt_ = 0;            // the latest
    std::unique_ptr<LoginRun> run_;        // while it is under way
    std::unique_ptr<PduLogin> pdu_login_;  // its login, where the data path carries it
    std::uint64_t pdu_attempt_ = 0;
    session::LoggedIn login_;
    std::string current_address_;
    std::uint16_t current_port_ = 0;
    std::string local_address_;
    std::vector<Reply> login_replies_;
    Reply logout_reply_;
    std::function<void()> finished_;
};

}  // namespace iscsi::iscsid

// SPDX-License-Identifier: LGPL-2.1-or-later
// All sessions of iscsid, and the data paths they run on.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/messages.hpp"
#include "datapath/data_path.hpp"
#include "iscsid/session.hpp"
#include "iscsid/settings.hpp"

namespace iscsi::iscsid {

// One more login is refused (Busy): each costs descriptors and memory.
inline constexpr std::size_t kSessionsMax = 4096;

class Registry {
public:
    // Gives the kernel's data path, opening it first if need be, for records of this transport; or
    // why there is none. The path outlives the registry.
    using KernelPath =
        std::function<base::Result<datapath::DataPath*>(const std::string& transport)>;
    // `user_path` outlives the registry.
    Registry(Surroundings& surroundings, datapath::DataPath& user_path, KernelPath kernel_path);

    void set_settings(Settings settings) { settings_ = std::move(settings); }
    const Settings& settings() const { return settings_; }

    struct LoginAnswer {
        std::uint64_t sid = 0;
        base::ErrorCode code = base::ErrorCode::Success;
        std::string message;
    };
    using LoginHandler = std::function<void(LoginAnswer)>;
    struct Accepted {
        std::string notice;  // for the operator; usually empty
    };
    // Where the events of a data path's sessions go: once for each path.
    void listen_to(datapath::DataPath& path);
    // Refused at once, or the handler is called when the login has ended, from the event loop or
    // from inside. A record whose first login is under way gets no second one but the outcome of
    // that.
    base::Result<Accepted> log_in(const control::LoginItem& item, LoginHandler handler);
    base::Status log_out(std::uint64_t sid, Session::Reply reply);

    // Takes over the sessions that an earlier iscsid left running, then calls `done`.
    void adopt_running(datapath::DataPath& path, std::function<void(std::size_t count)> done);

    // Ascending sid. `unfinished`: also those that have not reached their target yet.
    std::vector<Session*> listed(bool unfinished);
    Session* find(std::uint64_t sid);

private:
    datapath::SessionKey new_key() { return {++last_key_}; }
    Session& add(datapath::DataPath& path, datapath::SessionKey key, datapath::SessionSpec spec);
    struct Choice {
        datapath::DataPath* path = nullptr;
        std::string notice;
    };
    base::Result<Choice> choose_path(const record::Node& node);
    Session* session_of(const record::Node& node) const;
    Session::Reply reply_to(LoginHandler handler, datapath::SessionKey key);

    Surroundings& around_;
    datapath::DataPath& user_path_;
    KernelPath kernel_path_;
    Settings settings_;
    std::map<datapath::SessionKey, std::unique_ptr<Session>> sessions_;
    std::uint64_t last_key_ = 0;
};

// What iscsiadm prints about a session; without LUNs.
control::SessionInfo describe(const Session& session, bool secrets);

}  // namespace iscsi::iscsid

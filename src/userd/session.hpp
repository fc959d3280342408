// SPDX-License-Identifier: LGPL-2.1-or-later
// One session, from the first connection to the last: ties the control socket, the initiator, the
// FUSE files and the set-up thread together. Everything here runs in the I/O thread.
//
//   Waiting --Configure--> Serving --Logout--> Leaving --devices gone--> LoggingOut --answer-->
//   Over
//                             |                                                              ^
//                             +--Stop(terminate)--> Leaving --devices gone-------------------+
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "os/epoll.hpp"
#include "userd/control_server.hpp"
#include "userd/device_manager.hpp"
#include "userd/fuse_export.hpp"
#include "userd/initiator.hpp"
#include "userd/io_queue.hpp"
#include "userd/setup_thread.hpp"
#include "userd/slot_pool.hpp"
#include "userlink/messages.hpp"

namespace iscsi::userd {

class Session final : public ControlListener, public InitiatorListener {
public:
    static base::Result<std::unique_ptr<Session>> create(std::uint64_t sid, os::Fd listening);
    ~Session() override;

    // Serves until the session is over. `ends_on_signal`: polled flag of a signal handler.
    // To the iscsid that wants the log. Any thread.
    void relay_log(base::LogLevel level, std::string text);
    void run(const volatile bool& ends_on_signal);

private:
    enum class Phase : std::uint8_t { Waiting, Serving, Leaving, LoggingOut, Over };
    struct Reply {  // whom a request is to be answered
        ClientId client = 0;
        std::uint64_t id = 0;
    };
    class IoSideImpl;

    Session(std::uint64_t sid, os::Epoll epoll, os::WakeUp wake_up, os::Fd listening);

    // Requests.
    void on_request(ClientId client, const userlink::Request& request, os::Fd cargo) override;
    void on(Reply reply, const userlink::Configure& request);
    void on(Reply reply, const userlink::Bind& request, os::Fd socket);
    void on(Reply reply, const userlink::Stop& request);
    void on(Reply reply, const userlink::Rescan& request);
    void on(Reply reply, const userlink::Logout& request);
    void on(Reply reply, const userlink::LogoutConnection& request);
    void on_early(Reply reply, const userlink::Request& request);
    void done(Reply reply);
    void refuse(Reply reply, base::ErrorCode code, std::string message);
    userlink::Stats stats() const;
    userlink::Status status() const;

    // The initiator's news.
    void on_complete(const Complete& complete) override;
    void on_connection_error(std::uint32_t number, const std::string& text) override;
    void on_async(const session::AsyncReceived& message) override;
    void on_logout(const session::LogoutAnswered& answer) override;
    void on_recovery_expired() override;
    void on_notice(const Notify& notice) override;

    base::Status start_serving(const userlink::SessionConfig& config);
    void rescan_unasked(const std::string& reason);
    void leave(bool by_logout);
    void devices_gone();
    void end(const std::string& reason);
    void execute_raw(const Command& command, std::function<void(CommandPort::Reply)> then);
    void report_failure(const Complete& complete);

    void serve(const os::Epoll::Ready& ready);
    void read_fuse();
    void read_uevents();
    void watch_fuse();
    base::Instant deadline() const;
    void on_time();

    std::uint64_t sid_;
    os::Epoll epoll_;
    IoQueue queue_;
    ControlServer control_;
    base::Instant now_;
    Phase phase_ = Phase::Waiting;

    userlink::SessionConfig config_;
    userlink::Binding binding_;
    std::optional<base::Error> configure_error_;  // why it does not serve
    std::optional<SlotPool> pool_;
    std::unique_ptr<FuseExport> fuse_;
    std::unique_ptr<Initiator> initiator_;
    os::Fd uevents_;
    std::vector<userlink::LunStatus> luns_;

    std::unique_ptr<IoSideImpl> io_side_;
    std::unique_ptr<DeviceManager> devices_;  // used by the set-up thread only
    std::unique_ptr<SetupThread> setup_;

    std::function<void(CommandPort::Reply)> raw_done_;  // of the command in the last slot
    bool links_job_waits_ = false;
    bool fuse_watched_ = false;
    base::Instant next_trim_ = base::kNever;
    base::Instant last_failure_log_{};
    std::uint64_t failures_unlogged_ = 0;

    std::optional<Reply> ending_reply_;  // Logout or Stop(terminate)
    std::uint32_t logout_timeout_s_ = 15;
    bool logs_out_ = false;
    std::string end_reason_;
    std::string losses_;  // see userlink::LoggedOut
};

}  // namespace iscsi::userd

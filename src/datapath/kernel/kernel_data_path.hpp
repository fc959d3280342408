// SPDX-License-Identifier: LGPL-2.1-or-later
// The data path in the kernel: Linux's iSCSI transport class, driven over NETLINK_ISCSI and read
// through sysfs. Sessions are the kernel's; this object only remembers which key means which one.
#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "datapath/data_path.hpp"
#include "datapath/kernel/channel.hpp"
#include "datapath/kernel/operations.hpp"
#include "datapath/kernel/scan_pool.hpp"
#include "datapath/kernel/sysfs.hpp"

namespace iscsi::datapath {

class KernelDataPath final : public DataPath {
public:
    // Error TransportNotFound where the kernel has no iSCSI (or not in this network namespace).
    // `io` must outlive the object.
    static base::Result<std::unique_ptr<KernelDataPath>> open(asio::io_context& io);
    ~KernelDataPath() override;

    // Whether the kernel has this transport, after loading its module if need be. `name` is the
    // word of iface.transport_name.
    static base::Result<kernel::TransportView> find_transport(const std::string& name);

    std::string_view name() const override { return "kernel"; }
    bool shows_luns_in_sysfs() const override { return true; }
    void set_event_handler(EventHandler handler) override { on_event_ = std::move(handler); }
    bool carries_login() const override { return true; }
    void set_pdu_handler(PduHandler handler) override { on_pdu_ = std::move(handler); }

    void create(SessionKey key, SessionSpec spec) override;
    base::Result<std::uint64_t> bind(SessionKey key, ConnectedSocket socket) override;
    base::Status send_pdu(SessionKey key, const proto::Bhs& bhs, base::ConstByteSpan data) override;
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
    // What a logout is waiting for; each has its limit.
    enum class Closing : std::uint8_t { No, Unbinding, SessionLogout, ConnectionLogout };
    struct Session;

    KernelDataPath(asio::io_context& io, kernel::Channel channel);
    base::Status make(Session& session);

    Session* find(SessionKey key);
    Session* find_sid(std::uint32_t sid);
    void later(std::function<void()> work);
    void report_later(SessionKey key, session::DataPathEvent event);
    void wait_for_events();
    void drain_events();
    void on_message(const kernel::Message& message);
    void on_pdu(Session& session, const kernel::RecvPdu& pdu);
    void on_logout_response(Session& session, const proto::LogoutResponse& response);
    void on_overrun();
    void send_logout(Session& session, proto::LogoutReason reason);
    void arm(Session& session, std::chrono::seconds timeout);
    void on_closing_limit(Session& session);
    void finish_logout(Session& session);
    void destroy(Session& session);
    // LUNs that the kernel gave up when replacement_timeout had passed carry I/O again.
    void wake(SessionKey key);
    void run_scan(SessionKey key, kernel::ScanRequest request, Handler<RescanDone> done);

    asio::io_context& io_;
    kernel::Channel channel_;
    kernel::Sysfs sysfs_;
    kernel::Operations operations_;
    asio::posix::stream_descriptor readable_;  // the events' socket
    kernel::ScanPool scans_;
    EventHandler on_event_;
    PduHandler on_pdu_;
    std::map<SessionKey, std::unique_ptr<Session>> sessions_;
    // Handlers posted to the loop look whether the object still lives. Owner: this object alone.
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace iscsi::datapath

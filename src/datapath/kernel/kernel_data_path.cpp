// SPDX-License-Identifier: LGPL-2.1-or-later
// The verbs. Events are in kernel_events.cpp, running sessions in kernel_adopt.cpp.
#include "datapath/kernel/kernel_data_path.hpp"

#include <asio/post.hpp>
#include <utility>

#include "base/log.hpp"
#include "datapath/kernel/session_state.hpp"
#include "datapath/kernel/xmit_priority.hpp"
#include "os/modules.hpp"

namespace iscsi::datapath {

using base::ErrorCode;
using base::LogLevel;
using std::chrono::seconds;

namespace {

// Until there may be a thread again, after there could be none.
constexpr seconds kWakeRetryDelay{1};

// iface.transport_name to the module that brings it.
std::string module_of(const std::string& transport) {
    if (transport == "tcp") return "iscsi_tcp";
    if (transport == "iser") return "ib_iser";
    return transport;
}

}  // namespace

base::Result<std::unique_ptr<KernelDataPath>> KernelDataPath::open(asio::io_context& io) {
    ISCSI_TRY(auto channel, kernel::Channel::open());
    return std::unique_ptr<KernelDataPath>(new KernelDataPath(io, std::move(channel)));
}

KernelDataPath::KernelDataPath(asio::io_context& io, kernel::Channel channel)
    : io_(io),
      channel_(std::move(channel)),
      operations_(channel_, sysfs_),
      readable_(io, channel_.event_fd()),
      scans_(io, [](const kernel::ScanRequest& request) {
          return kernel::scan(kernel::Sysfs(), request);
      }) {
    wait_for_events();
}

KernelDataPath::~KernelDataPath() {
    readable_.release();  // the channel owns the descriptor
}

base::Result<kernel::TransportView> KernelDataPath::find_transport(const std::string& name) {
    const kernel::Sysfs sysfs;
    if (auto found = sysfs.transport(name)) return *found;
    ISCSI_TRY_VOID(os::load_module(module_of(name)));
    if (auto found = sysfs.transport(name)) return *found;
    return base::fail(ErrorCode::TransportNotFound, "the kernel has no iSCSI transport {}", name);
}

KernelDataPath::Session* KernelDataPath::find(SessionKey key) {
    const auto found = sessions_.find(key);
    return found == sessions_.end() ? nullptr : found->second.get();
}

KernelDataPath::Session* KernelDataPath::find_sid(std::uint32_t sid) {
    for (const auto& [key, session] : sessions_) {
        if (session->kernel.sid == sid) return session.get();
    }
    return nullptr;
}

void KernelDataPath::later(std::function<void()> work) {
    asio::post(io_, [work = std::move(work), alive = std::weak_ptr(alive_)] {
        if (!alive.expired()) work();
    });
}

void KernelDataPath::report_later(SessionKey key, session::DataPathEvent event) {
    later([this, key, event = std::move(event)] { on_event_(key, event); });
}

void KernelDataPath::create(SessionKey key, SessionSpec spec) {
    const auto transport = find_transport(spec.node.iface.transport_name);
    if (!transport) {
        return report_later(
            key, session::CreateFailed{transport.error().code, transport.error().message});
    }
    auto session = std::make_unique<Session>();
    session->key = key;
    session->kernel.transport = *transport;
    session->spec = std::move(spec);
    sessions_[key] = std::move(session);
    report_later(key, session::Created{0});
}

base::Status KernelDataPath::make(Session& session) {
    const auto& settings = session.spec.node.session;
    ISCSI_TRY(session.kernel, operations_.create(session.kernel.transport, settings));
    if (!kernel::set_xmit_priority(session.kernel.host_no, settings.xmit_thread_priority)) {
        base::log(LogLevel::Error,
                  "Could not set session{} priority. READ/WRITE throughput and latency could be "
                  "affected.",
                  session.kernel.sid);
    }
    return {};
}

base::Result<std::uint64_t> KernelDataPath::bind(SessionKey key, ConnectedSocket socket) {
    Session* session = find(key);
    if (session == nullptr) return base::fail(ErrorCode::SessionNotFound, "the session has ended");
    if (!session->made()) ISCSI_TRY_VOID(make(*session));
    // The kernel refuses a second socket (ENOTCONN) until the first connection is stopped.
    if (session->bound) stop(key, StopMode::Recover);
    session->generation = socket.generation;
    session->lost = false;
    session->started = false;
    session->bound = true;
    // From here on the kernel has its own reference of the socket.
    ISCSI_TRY_VOID(operations_.bind(
        session->kernel, socket.socket.get(),
        {.node = &session->spec.node, .initiator_name = session->spec.initiator_name}));
    return session->kernel.sid;
}

base::Status KernelDataPath::send_pdu(SessionKey key, const proto::Bhs& bhs,
                                      base::ConstByteSpan data) {
    Session* session = find(key);
    if (session == nullptr) return base::fail(ErrorCode::SessionNotFound, "the session has ended");
    session->login_tag = proto::decode_common(bhs).initiator_task_tag;
    return operations_.send_pdu(session->kernel, bhs, data);
}

void KernelDataPath::start(SessionKey key, LoggedInConnection connection) {
    Session* session = find(key);
    const std::uint64_t generation = connection.generation;
    if (session == nullptr) {
        return report_later(key, session::StartFailed{generation, ErrorCode::SessionNotFound,
                                                      "the session has ended"});
    }
    const auto started =
        operations_.start(session->kernel, connection.login, session->spec.node.tpgt);
    if (!started) {
        return report_later(
            key, session::StartFailed{generation, started.error().code, started.error().message});
    }
    session->started = true;
    report_later(key, session::Started{generation});
    wake(key);
}

void KernelDataPath::wake(SessionKey key) {
    const Session* session = find(key);
    if (session == nullptr || !session->started) return;
    run_scan(key, {.sid = session->kernel.sid, .wake_only = true},
             [this, key](const base::Result<RescanDone>& done) {
                 if (done || done.error().code != ErrorCode::NoMemory) return;
                 base::log(LogLevel::Warning, "{}; its disks are woken later",
                           done.error().message);
                 const auto timer = std::make_shared<asio::steady_timer>(io_, kWakeRetryDelay);
                 timer->async_wait([this, key, timer, alive = std::weak_ptr(alive_)](auto) {
                     if (!alive.expired()) wake(key);
                 });
             });
}

void KernelDataPath::stop(SessionKey key, StopMode mode) {
    Session* session = find(key);
    if (session == nullptr) return;
    if (mode == StopMode::Terminate) {
        destroy(*session);
        report_later(key, session::Gone{"terminated"});
        return;
    }
    if (!session->bound) return;
    session->bound = session->started = false;
    session->lost = true;  // what the old connection still has to say is of no interest
    if (const auto stopped = operations_.stop_for_recovery(session->kernel); !stopped) {
        base::log(LogLevel::Debug, "session {}: {}", session->kernel.sid, stopped.error().message);
    }
}

void KernelDataPath::destroy(Session& session) {
    if (session.made()) {
        const auto destroyed = operations_.destroy(session.kernel, session.bound);
        if (!destroyed) base::log(LogLevel::Error, "{}", destroyed.error().message);
    }
    sessions_.erase(session.key);
}

void KernelDataPath::update(SessionKey key, SessionSpec spec) {
    // The kernel learns of it with the next connection.
    if (Session* session = find(key)) session->spec = std::move(spec);
}

// Logout --------------------------------------------------------------------------------------

void KernelDataPath::logout(SessionKey key, seconds timeout) {
    Session* session = find(key);
    if (session == nullptr) {
        return report_later(key, session::LogoutDone{ErrorCode::SessionNotFound, "no session"});
    }
    session->closing = Closing::Unbinding;
    session->closing_timeout = timeout;
    // The kernel flushes and removes the devices; SessionUnbound tells when that is done. How long
    // it takes is the devices' business, so no limit yet. Where an earlier iscsid has come as far
    // there is nothing to be told any more.
    const bool has_devices = session->made() && !sysfs_.is_unbound(session->kernel.sid);
    if (has_devices && operations_.unbind(session->kernel)) return;
    send_logout(*session, proto::LogoutReason::CloseSession);
}

void KernelDataPath::logout_connection(SessionKey key, seconds timeout) {
    Session* session = find(key);
    if (session == nullptr) return;
    session->closing_timeout = timeout;
    send_logout(*session, proto::LogoutReason::CloseSession);
    session->closing = Closing::ConnectionLogout;
}

void KernelDataPath::send_logout(Session& session, proto::LogoutReason reason) {
    session.closing = Closing::SessionLogout;
    const auto bhs =
        proto::encode(proto::LogoutRequest{.reason = reason, .initiator_task_tag = 0, .cid = 0});
    if (!session.started || !operations_.send_pdu(session.kernel, bhs, {})) {
        // No connection to ask over: the target finds out by itself.
        return later([this, key = session.key] {
            if (Session* still = find(key)) on_closing_limit(*still);
        });
    }
    arm(session, session.closing_timeout);
}

void KernelDataPath::arm(Session& session, seconds timeout) {
    session.limit = std::make_unique<asio::steady_timer>(io_, timeout);
    session.limit->async_wait([this, key = session.key](const std::error_code& error) {
        if (error) return;
        if (Session* still = find(key)) on_closing_limit(*still);
    });
}

void KernelDataPath::on_closing_limit(Session& session) {
    switch (session.closing) {
        case Closing::No:
        case Closing::Unbinding:
            return;
        case Closing::SessionLogout:
            return finish_logout(session);
        case Closing::ConnectionLogout:
            session.closing = Closing::No;
            return on_event_(session.key,
                             session::ConnectionLogoutDone{.generation = session.generation});
    }
}

void KernelDataPath::finish_logout(Session& session) {
    const SessionKey key = session.key;
    destroy(session);
    on_event_(key, session::LogoutDone{});
    report_later(key, session::Gone{"logged out"});
}

// Questions -----------------------------------------------------------------------------------

void KernelDataPath::rescan(SessionKey key, Handler<RescanDone> done) {
    Session* session = find(key);
    if (session == nullptr || !session->made()) {
        return later([done = std::move(done)] {
            done(base::fail(ErrorCode::SessionNotFound, "no session"));
        });
    }
    run_scan(key,
             {.sid = session->kernel.sid,
              .host_no = session->kernel.host_no,
              .queue_depth = session->spec.node.session.queue_depth,
              .rescan_known = true},
             std::move(done));
}

void KernelDataPath::run_scan(SessionKey key, kernel::ScanRequest request,
                              Handler<RescanDone> done) {
    scans_.run(request, [this, key, done = std::move(done), alive = std::weak_ptr(alive_)](
                            const base::Result<kernel::ScanOutcome>& outcome) {
        if (alive.expired() || !done) return;
        if (find(key) == nullptr) {
            return done(base::fail(ErrorCode::SessionNotFound, "the session has ended"));
        }
        if (!outcome) return done(std::unexpected(outcome.error()));
        RescanDone answer;
        answer.luns = outcome->luns;
        answer.devices = outcome->devices;
        done(std::move(answer));
    });
}

void KernelDataPath::stats(SessionKey key, Handler<Stats> done) {
    Session* session = find(key);
    const auto answer = [&](base::Result<Stats> result) {
        later([done = std::move(done), result = std::move(result)] { done(result); });
    };
    if (session == nullptr || !session->made()) {
        return answer(base::fail(ErrorCode::SessionNotFound, "no session"));
    }
    const auto payload = channel_.stats(session->kernel.connection());
    if (!payload) return answer(std::unexpected(payload.error()));
    const auto counters = kernel::decode_stats(payload->bytes);
    if (!counters) {
        return answer(base::fail(ErrorCode::Internal, "the kernel's statistics are cut off"));
    }
    Stats stats;
    for (const auto& c : counters->fixed) stats.counters.push_back({std::string(c.name), c.value});
    for (const auto& c : counters->custom) stats.extended.push_back({std::string(c.name), c.value});
    answer(std::move(stats));
}

void KernelDataPath::status(SessionKey key, Handler<SessionStatus> done) {
    Session* session = find(key);
    base::Result<SessionStatus> result = base::fail(ErrorCode::SessionNotFound, "no session");
    if (session != nullptr) {
        const auto view = sysfs_.session(session->kernel.sid);
        result = SessionStatus{
            .state = view ? view->state : "FREE", .host_no = session->kernel.host_no, .luns = {}};
        for (const auto& lun : sysfs_.luns(session->kernel.sid)) {
            result->luns.push_back(
                {.lun = lun.lun, .block_device = lun.block_device, .state = lun.state});
        }
    }
    later([done = std::move(done), result = std::move(result)] { done(result); });
}

}  // namespace iscsi::datapath

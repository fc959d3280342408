// SPDX-License-Identifier: LGPL-2.1-or-later
#include "discovery/send_targets_run.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>
#include <utility>
#include <variant>

#include "os/clock.hpp"
#include "os/netdev.hpp"
#include "os/resolve.hpp"
#include "os/tcp.hpp"
#include "session/backoff.hpp"
#include "session/login.hpp"
#include "session/send_targets.hpp"

namespace iscsi::discovery {

using base::ErrorCode;
using base::LogLevel;
using std::chrono::seconds;

namespace {

// Of one attempt; a chain that is longer goes in circles.
constexpr int kRedirectsMax = 8;
// A complete answer may take this many times the limit of one response.
constexpr int kAnswerTimeoutFactor = 10;

struct Portal {
    std::string address;
    std::uint16_t port = 0;
};

// How an attempt at one portal ended, besides with an answer.
struct Retry {};
struct GiveUp {
    ErrorCode code;
};
using Portals = std::vector<DiscoveredPortal>;
using Outcome = std::variant<Portals, Retry, GiveUp, session::Redirect>;

enum class Io : std::uint8_t { Done, Closed, Broken };

// A limit of zero would be none at all.
seconds limit(std::int32_t configured, std::int32_t otherwise) {
    return seconds(configured > 0 ? configured : otherwise);
}

// Lets an engine talk over a socket until it is done.
template <class Engine>
Io drive(Engine& engine, const os::Fd& socket) {
    while (!engine.done()) {
        const auto deadline = engine.deadline();
        if (os::now() >= deadline) {
            engine.on_deadline(os::now());
            continue;
        }
        const auto out = engine.send_window();
        const auto moved = out.empty() ? os::receive_some(socket, engine.recv_window(), deadline)
                                       : os::send_some(socket, out.front(), deadline);
        if (!moved) {
            if (moved.error().number == ETIMEDOUT && os::now() >= deadline) continue;
            return Io::Broken;
        }
        if (!out.empty()) {
            engine.on_sent(*moved, os::now());
        } else if (*moved == 0) {
            return Io::Closed;
        } else {
            engine.on_received(*moved, os::now());
        }
    }
    return Io::Done;
}

class Run {
public:
    Run(const SendTargetsRequest& request, base::Random& random, const LogLine& log)
        : request_(request),
          random_(random),
          log_(log),
          isid_(session::isid_for_discovery(random)),
          home_(home_of(request.record)) {}

    base::Result<Portals> run();

private:
    static Portal home_of(const record::SendTargets& record) {
        return {record.address, static_cast<std::uint16_t>(record.port)};
    }
    base::Status check() const;
    Outcome attempt();
    Outcome try_portal();
    std::optional<os::Fd> connect(const std::vector<std::string>& addresses);
    void log_connect_failure(const os::TcpEndpoint& endpoint, os::ConnectFailure failure) const;
    base::Result<std::string> netdev() const;
    std::variant<session::LoggedIn, Retry, GiveUp, session::Redirect> log_in(const os::Fd& socket);
    session::LoginConfig login_config() const;
    std::variant<Retry, GiveUp> on_login_failed(const session::LoginFailed& failed);
    Outcome ask(const os::Fd& socket, const session::LoggedIn& login);
    Portals flatten(const std::vector<session::DiscoveredTarget>& targets) const;
    Retry log_io_error(Io io);

    template <class... Args>
    void say(LogLevel level, fmt::format_string<Args...> format, Args&&... args) const {
        log_(level, fmt::format(format, std::forward<Args>(args)...));
    }

    const SendTargetsRequest& request_;
    base::Random& random_;
    const LogLine& log_;
    const proto::Isid isid_;  // the same for each attempt
    Portal home_;       // where attempts start: the record's portal, or where it has moved for good
    Portal portal_;     // the one at hand
    std::string peer_;  // its numeric address
};

// A configuration that cannot work is not tried.
base::Status Run::check() const {
    const auto& record = request_.record;
    if (record.port < 1 || record.port > UINT16_MAX) {
        say(LogLevel::Error, "Invalid port {}", record.port);
        return base::fail(ErrorCode::Invalid, "invalid port {}", record.port);
    }
    const auto& auth = record.auth;
    if (auth.password.empty() && (!auth.username_in.empty() || !auth.password_in.empty())) {
        say(LogLevel::Error,
            "CHAP configuration has incoming authentication credentials but has no outgoing "
            "credentials configured.");
        // Compat: open-iscsi exits with EINVAL here, the number that SysfsLookup has.
        return base::fail(ErrorCode::SysfsLookup, "CHAP needs outgoing credentials");
    }
    return {};
}

base::Result<Portals> Run::run() {
    ISCSI_TRY_VOID(check());
    if (const auto found = os::resolve(home_.address); !found) {
        say(LogLevel::Error, "{}", found.error().message);
        say(LogLevel::Error, "cannot resolve host name {}", home_.address);
        return std::unexpected(found.error());
    }
    const auto attempts = static_cast<unsigned>(std::max(request_.record.reopen_max, 0)) + 1;
    for (unsigned failures = 0; failures < attempts; ++failures) {
        os::wait_until(os::now() + session::discovery_delay(failures));
        auto outcome = attempt();
        if (auto* portals = std::get_if<Portals>(&outcome)) return std::move(*portals);
        if (const auto* end = std::get_if<GiveUp>(&outcome)) {
            return base::fail(end->code, "{}", base::error_text(end->code));
        }
    }
    say(LogLevel::Error, "connection login retries (reopen_max) {} exceeded",
        request_.record.reopen_max);
    return base::fail(ErrorCode::PduTimeout, "gave up after {} attempts", attempts);
}

Outcome Run::attempt() {
    portal_ = home_;
    for (int redirects = 0; redirects <= kRedirectsMax; ++redirects) {
        auto outcome = try_portal();
        const auto* redirect = std::get_if<session::Redirect>(&outcome);
        if (!redirect) return outcome;
        say(LogLevel::Warning, "discovery login {} redirected to {} port {}",
            redirect->permanent ? "permanently" : "temporarily", redirect->address, redirect->port);
        portal_ = {redirect->address, redirect->port};
        if (redirect->permanent) home_ = portal_;
    }
    say(LogLevel::Error, "discovery login to {} redirected more than {} times in a row",
        home_.address, kRedirectsMax);
    return Retry{};
}

Outcome Run::try_portal() {
    const auto addresses = os::resolve(portal_.address);
    if (!addresses) {
        say(LogLevel::Error, "{}", addresses.error().message);
        return Retry{};
    }
    auto socket = connect(*addresses);
    if (!socket) return Retry{};
    auto login = log_in(*socket);
    Outcome outcome = std::visit(
        [&](auto& end) -> Outcome {
            if constexpr (std::is_same_v<std::decay_t<decltype(end)>, session::LoggedIn>) {
                return ask(*socket, end);
            } else {
                return std::move(end);
            }
        },
        login);
    // Compat: no Logout, as open-iscsi does it.
    os::close_with_reset(std::move(*socket));
    return outcome;
}

// Connecting --------------------------------------------------------------------------------------

base::Result<std::string> Run::netdev() const {
    const auto& iface = request_.iface;
    // Compat: the software transport binds by hardware address, else by interface name.
    if (record::is_bound(iface.hwaddress)) {
        auto name = os::netdev_with_hwaddress(iface.hwaddress);
        if (!name) {
            return base::fail(ErrorCode::Transport, "no interface has hardware address {}",
                              iface.hwaddress);
        }
        return std::move(*name);
    }
    return record::is_bound(iface.net_ifacename) ? iface.net_ifacename : std::string();
}

std::optional<os::Fd> Run::connect(const std::vector<std::string>& addresses) {
    const auto device = netdev();
    if (!device) {
        say(LogLevel::Error, "{}", device.error().message);
        return std::nullopt;
    }
    std::optional<std::pair<os::TcpEndpoint, os::ConnectFailure>> first_failure;
    for (const auto& address : addresses) {
        const os::TcpEndpoint endpoint{address, portal_.port, *device};
        auto socket =
            os::connect_tcp(endpoint, os::now() + limit(request_.record.timeo.login_timeout, 15));
        if (socket) {
            peer_ = address;
            return std::move(*socket);
        }
        if (!first_failure) first_failure.emplace(endpoint, socket.error());
    }
    // Compat: one line an attempt, whatever the number of addresses.
    if (first_failure) log_connect_failure(first_failure->first, first_failure->second);
    return std::nullopt;
}

void Run::log_connect_failure(const os::TcpEndpoint& endpoint, os::ConnectFailure failure) const {
    if (failure.step == os::ConnectFailure::Step::Bind) {
        say(LogLevel::Error, "Could not bind connection 0 to {}", endpoint.netdev);
    }
    if (failure.error == ETIMEDOUT) {
        say(LogLevel::Error, "connect to {} timed out", endpoint.address);
    } else {
        say(LogLevel::Error, "cannot make connection to {}: {}", endpoint.address,
            ::strerrordesc_np(failure.error));
    }
}

// Logging in --------------------------------------------------------------------------------------

session::LoginConfig Run::login_config() const {
    const auto& record = request_.record;
    session::LoginConfig config;
    config.initiator_name = record::is_bound(request_.iface.initiatorname)
                                ? request_.iface.initiatorname
                                : request_.initiator_name;
    config.initiator_alias = request_.initiator_alias;
    config.session_type = session::SessionType::Discovery;
    config.isid = isid_;
    config.offer.max_recv_data_segment_length =
        static_cast<std::uint32_t>(std::max(record.iscsi.max_recv_data_segment_length, 0));
    config.auth = record.auth;
    config.login_timeout = seconds(0);
    config.auth_timeout = seconds(0);
    config.login_deadline = os::now() + limit(record.timeo.active_timeout, 30);
    return config;
}

std::variant<session::LoggedIn, Retry, GiveUp, session::Redirect> Run::log_in(
    const os::Fd& socket) {
    session::LoginEngine engine(login_config(), random_, os::now());
    const auto io = drive(engine, socket);
    while (auto event = engine.next_event()) {
        if (const auto* notice = std::get_if<session::Notice>(&*event)) {
            say(notice->level, "{}", notice->text);
        } else if (auto* login = std::get_if<session::LoggedIn>(&*event)) {
            return std::move(*login);
        } else if (auto* redirect = std::get_if<session::Redirect>(&*event)) {
            return std::move(*redirect);
        } else if (const auto* failed = std::get_if<session::LoginFailed>(&*event)) {
            const auto end = on_login_failed(*failed);
            if (const auto* fatal = std::get_if<GiveUp>(&end)) return *fatal;
            return Retry{};
        }
    }
    return log_io_error(io);
}

Retry Run::log_io_error(Io io) {
    say(LogLevel::Error, "Connection to Discovery Address {} {}", peer_,
        io == Io::Closed ? "closed" : "failed");
    say(LogLevel::Error, "Login I/O error, failed to receive a PDU");
    say(LogLevel::Error, "retrying discovery login to {}", peer_);
    return {};
}

std::variant<Retry, GiveUp> Run::on_login_failed(const session::LoginFailed& failed) {
    const auto status = fmt::format("({:02x}/{:02x})", failed.status_class, failed.status_detail);
    if (failed.status == session::LoginStatus::RedirectionFailed) {
        say(LogLevel::Error, "discovery {}", failed.text);
        return Retry{};
    }
    if (failed.status == session::LoginStatus::IoError) {
        say(LogLevel::Error,
            "Login response timeout. Waited {} seconds and did not get response PDU.",
            limit(request_.record.timeo.active_timeout, 30).count());
        // Compat: open-iscsi counts its own impatience as a failure of the target.
        say(LogLevel::Error, "discovery login to {} failed, giving up 2", peer_);
        return GiveUp{ErrorCode::FatalLogin};
    }
    if (failed.status != session::LoginStatus::Failed) {
        say(LogLevel::Error, "{}", failed.text);
        say(LogLevel::Error, "discovery login to {} failed, giving up {}", peer_,
            static_cast<int>(failed.status));
        return GiveUp{failed.code};
    }
    if (failed.code == ErrorCode::LoginAuthFailed) {
        say(LogLevel::Error, "discovery login to {} rejected: initiator failed authorization",
            peer_);
        return GiveUp{failed.code};
    }
    if (failed.retryable) {
        say(LogLevel::Error, "discovery login to {} rejected: target error {}", peer_, status);
        return Retry{};
    }
    if (failed.status_class == 2) {
        say(LogLevel::Error,
            "discovery login to {} rejected: initiator error {}, non-retryable, giving up", peer_,
            status);
        return GiveUp{failed.code};
    }
    // Compat: a status class that nobody knows is fatal to iscsid, but retried by discovery.
    say(LogLevel::Error,
        "discovery login to {} failed, response with unknown status class 0x{:x}, detail 0x{:x}",
        peer_, failed.status_class, failed.status_detail);
    return Retry{};
}

// Asking ------------------------------------------------------------------------------------------

Outcome Run::ask(const os::Fd& socket, const session::LoggedIn& login) {
    const auto timeout = limit(request_.record.timeo.active_timeout, 30);
    const auto where = session::print_address(peer_, portal_.port);
    session::SendTargetsEngine engine(
        login,
        {.response_timeout = timeout,
         .answer_deadline = os::now() + kAnswerTimeoutFactor * timeout},
        os::now());
    const auto io = drive(engine, socket);
    const auto event = engine.next_event();
    if (!event) {
        say(LogLevel::Error, "Connection to Discovery Address {} {}", peer_,
            io == Io::Closed ? "closed" : "failed");
        // Compat: a target that hangs up on the question is not asked again.
        return GiveUp{ErrorCode::PduTimeout};
    }
    if (const auto* answer = std::get_if<session::SendTargetsAnswer>(&*event)) {
        for (const auto& remark : answer->remarks) {
            say(LogLevel::Warning, "discovery of {}: {}", where, remark);
        }
        return flatten(answer->targets);
    }
    const auto& failed = std::get<session::SendTargetsFailed>(*event);
    say(LogLevel::Error, "{}iscovery session to {} {}",
        failed.code == ErrorCode::PduTimeout ? 'D' : 'd', where, failed.text);
    return Retry{};
}

Portals Run::flatten(const std::vector<session::DiscoveredTarget>& targets) const {
    Portals portals;
    for (const auto& target : targets) {
        // RFC 7143 appendix C: without an address the target is where it was asked for.
        if (target.addresses.empty()) {
            portals.push_back({target.name, portal_.address, portal_.port, -1});
        }
        for (const auto& address : target.addresses) {
            const auto tag = address.target_portal_group_tag;
            portals.push_back({target.name, address.address, address.port, tag ? *tag : -1});
        }
    }
    return portals;
}

}  // namespace

base::Result<std::vector<DiscoveredPortal>> run_send_targets(const SendTargetsRequest& request,
                                                             base::Random& random,
                                                             const LogLine& log) {
    return Run(request, random, log).run();
}

}  // namespace iscsi::discovery

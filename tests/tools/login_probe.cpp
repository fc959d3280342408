// SPDX-License-Identifier: LGPL-2.1-or-later
// Test-only: logs in to a portal, or discovers its targets, with the engines alone: no daemon, no
// records. Prints what came out, for tests against real targets to compare.
//
//   login_probe discover|login KEY=VALUE...
//   keys: address port target initiator username password username_in password_in chap_algs
//         header_digest data_digest (record words), and by their RFC names the numbers and booleans
//         that we offer; reopen_max, timeout (seconds) and netdev
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>

#include "base/numbers.hpp"
#include "discovery/send_targets_run.hpp"
#include "os/clock.hpp"
#include "os/random.hpp"
#include "os/tcp.hpp"
#include "session/login.hpp"

namespace {

using namespace iscsi;

class Arguments {
public:
    Arguments(int count, char** words) {
        for (int i = 2; i < count; ++i) {
            const std::string word = words[i];
            const auto equals = word.find('=');
            if (equals == std::string::npos) usage(word);
            values_[word.substr(0, equals)] = word.substr(equals + 1);
        }
    }

    std::string text(const std::string& key, const std::string& otherwise = {}) const {
        const auto at = values_.find(key);
        return at == values_.end() ? otherwise : at->second;
    }
    void number(const std::string& key, std::uint32_t& value) const {
        const auto at = values_.find(key);
        if (at == values_.end()) return;
        const auto parsed = base::parse_unsigned(at->second);
        if (!parsed || *parsed > UINT32_MAX) usage(key);
        value = static_cast<std::uint32_t>(*parsed);
    }
    template <class Enum>
    void word(const std::string& key, Enum& value) const {
        const auto at = values_.find(key);
        if (at == values_.end()) return;
        const auto parsed = record::enum_from_word<Enum>(at->second);
        if (!parsed) usage(key);
        value = *parsed;
    }

    [[noreturn]] static void usage(const std::string& word) {
        fmt::print(stderr, "login_probe: bad argument {}\n", word);
        std::exit(2);
    }

private:
    std::map<std::string, std::string> values_;
};

record::Auth auth_of(const Arguments& arguments) {
    record::Auth auth;
    auth.username = arguments.text("username");
    auth.password = base::Secret(arguments.text("password"));
    auth.username_in = arguments.text("username_in");
    auth.password_in = base::Secret(arguments.text("password_in"));
    const auto list = arguments.text("chap_algs", "MD5");
    auth.chap_algs.clear();
    for (const auto word : base::split(list, ',')) {
        const auto algorithm = record::enum_from_word<record::ChapAlgorithm>(word);
        if (!algorithm) Arguments::usage(std::string(word));
        auth.chap_algs.push_back(*algorithm);
    }
    return auth;
}

int discover(const Arguments& arguments) {
    discovery::SendTargetsRequest request;
    request.record.address = arguments.text("address", "127.0.0.1");
    std::uint32_t port = 3260;
    arguments.number("port", port);
    request.record.port = static_cast<std::int32_t>(port);
    std::uint32_t reopen_max = 5;
    arguments.number("reopen_max", reopen_max);
    request.record.reopen_max = static_cast<std::int32_t>(reopen_max);
    std::uint32_t timeout = 15;
    arguments.number("timeout", timeout);
    request.record.timeo.login_timeout = static_cast<std::int32_t>(timeout);
    request.record.timeo.active_timeout = static_cast<std::int32_t>(timeout);
    request.record.auth = auth_of(arguments);
    request.iface.net_ifacename = arguments.text("netdev");
    request.initiator_name = arguments.text("initiator", "iqn.2026-11.test:initiator");
    os::SystemRandom random;
    const auto found = discovery::run_send_targets(
        request, random,
        [](base::LogLevel, std::string_view text) { fmt::print(stderr, "iscsiadm: {}\n", text); });
    if (!found) {
        fmt::print(stderr, "iscsiadm: Could not perform SendTargets discovery: {}\n",
                   base::error_text(found.error().code));
        return static_cast<int>(found.error().code);
    }
    for (const auto& portal : *found) {
        const bool v6 = portal.address.find(':') != std::string::npos;
        fmt::print("{}{}{}:{},{} {}\n", v6 ? "[" : "", portal.address, v6 ? "]" : "", portal.port,
                   portal.tpgt, portal.target);
    }
    return 0;
}

session::LoginConfig login_config(const Arguments& arguments) {
    session::LoginConfig config;
    config.initiator_name = arguments.text("initiator", "iqn.2026-11.test:initiator");
    config.target_name = arguments.text("target");
    config.isid = session::isid_for_session(1);
    config.auth = auth_of(arguments);
    auto& offer = config.offer;
    arguments.word("header_digest", offer.header_digest);
    arguments.word("data_digest", offer.data_digest);
    arguments.word("InitialR2T", offer.initial_r2t);
    arguments.word("ImmediateData", offer.immediate_data);
    arguments.number("MaxRecvDataSegmentLength", offer.max_recv_data_segment_length);
    arguments.number("MaxBurstLength", offer.max_burst_length);
    arguments.number("FirstBurstLength", offer.first_burst_length);
    arguments.number("MaxOutstandingR2T", offer.max_outstanding_r2t);
    arguments.number("DefaultTime2Wait", offer.default_time2wait);
    arguments.number("DefaultTime2Retain", offer.default_time2retain);
    return config;
}

void print_login(const session::LoggedIn& login) {
    const auto& p = login.params;
    fmt::print(
        "tsih={} header_digest={} data_digest={} recv={} xmit={} max_burst={} "
        "first_burst={} initial_r2t={} immediate_data={} r2t={} time2wait={} "
        "time2retain={} erl={} pdu_in_order={} sequence_in_order={} tpgt={} alias={}\n",
        login.tsih != 0, p.header_digest, p.data_digest, p.max_recv_data_segment_length,
        p.max_xmit_data_segment_length, p.max_burst_length, p.first_burst_length, p.initial_r2t,
        p.immediate_data, p.max_outstanding_r2t, p.default_time2wait, p.default_time2retain,
        p.error_recovery_level, p.data_pdu_in_order, p.data_sequence_in_order,
        p.target_portal_group_tag.value_or(0), p.target_alias);
}

int report(const session::LoginEngine::Event& event) {
    if (const auto* login = std::get_if<session::LoggedIn>(&event)) {
        print_login(*login);
        return 0;
    }
    if (const auto* redirect = std::get_if<session::Redirect>(&event)) {
        fmt::print("redirect to {} port {}\n", redirect->address, redirect->port);
        return 0;
    }
    if (const auto* failed = std::get_if<session::LoginFailed>(&event)) {
        fmt::print(stderr, "{} (status {}, {})\n", failed->text, static_cast<int>(failed->status),
                   failed->retryable ? "retryable" : "fatal");
        return static_cast<int>(failed->code);
    }
    fmt::print(stderr, "notice: {}\n", std::get<session::Notice>(event).text);
    return -1;
}

int log_in(const Arguments& arguments) {
    std::uint32_t port = 3260;
    arguments.number("port", port);
    const auto deadline = os::now() + std::chrono::seconds(10);
    const auto socket = os::connect_tcp(
        {arguments.text("address", "127.0.0.1"), static_cast<std::uint16_t>(port), {}}, deadline);
    if (!socket) return 4;
    os::SystemRandom random;
    session::LoginEngine engine(login_config(arguments), random, os::now());
    while (!engine.done()) {
        const auto out = engine.send_window();
        const auto moved = out.empty() ? os::receive_some(*socket, engine.recv_window(), deadline)
                                       : os::send_some(*socket, out.front(), deadline);
        if (!moved || *moved == 0) {
            fmt::print(stderr, "connection lost\n");
            return 4;
        }
        out.empty() ? engine.on_received(*moved, os::now()) : engine.on_sent(*moved, os::now());
    }
    int status = -1;
    while (const auto event = engine.next_event()) status = report(*event);
    return status;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string verb = argc > 1 ? argv[1] : "";
    const Arguments arguments(argc, argv);
    if (verb == "discover") return discover(arguments);
    if (verb == "login") return log_in(arguments);
    Arguments::usage(verb);
}

// SPDX-License-Identifier: LGPL-2.1-or-later
// A login engine, and a target that answers it as a test wants.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "session/login.hpp"
#include "session/testing/peer.hpp"

namespace iscsi::session::testing {

inline constexpr auto kSecurity = proto::Stage::SecurityNegotiation;
inline constexpr auto kOperational = proto::Stage::LoginOperationalNegotiation;
inline constexpr auto kFullFeature = proto::Stage::FullFeaturePhase;

// What a target without opinions answers to our operational keys.
inline constexpr std::string_view kAgreement =
    "HeaderDigest=None;DataDigest=None;DefaultTime2Wait=2;DefaultTime2Retain=0;IFMarker=No;"
    "OFMarker=No;ErrorRecoveryLevel=0;InitialR2T=No;ImmediateData=Yes;MaxBurstLength=262144;"
    "FirstBurstLength=65536;MaxOutstandingR2T=1;MaxConnections=1;DataPDUInOrder=Yes;"
    "DataSequenceInOrder=Yes;MaxRecvDataSegmentLength=8192;";

inline LoginConfig normal_config() {
    LoginConfig config;
    config.initiator_name = "iqn.2026-11.test:initiator";
    config.target_name = "iqn.2026-11.test:disk";
    config.isid = isid_for_session(0x010203);
    config.cmd_sn = {1};
    return config;
}

inline LoginConfig chap_config(bool mutual) {
    auto config = normal_config();
    config.auth.username = "joe";
    config.auth.password = base::Secret("initiator secret");
    if (mutual) {
        config.auth.username_in = "target";
        config.auth.password_in = base::Secret("target secret 12");
    }
    return config;
}

class Login : public ::testing::Test {
protected:
    void start(LoginConfig config) {
        random_.emplace(7);
        isid_ = config.isid;
        stat_sn_ = {100};
        engine_.emplace(std::move(config), *random_, at(std::chrono::seconds(1000)));
        peer_.emplace(*engine_);
    }

    Sent<proto::LoginRequest> request() { return peer_->take_pdu<proto::LoginRequest>(); }

    proto::LoginResponse response(proto::Stage current, bool transit) {
        proto::LoginResponse pdu;
        pdu.transit = transit;
        pdu.current_stage = current;
        if (transit) pdu.next_stage = current == kSecurity ? kOperational : kFullFeature;
        pdu.isid = isid_;
        pdu.tsih = transit && current == kOperational ? 5 : 0;
        pdu.stat_sn = stat_sn_;
        stat_sn_ = stat_sn_.next();
        pdu.exp_cmd_sn = {1};
        pdu.max_cmd_sn = {32};
        return pdu;
    }

    void respond(const proto::LoginResponse& pdu, std::string_view readable) {
        const auto bytes = wire(pdu, text_of(readable));
        EXPECT_EQ(peer_->give(bytes), bytes.size());
    }

    // The next event that is no notice.
    LoginEngine::Event outcome() {
        while (auto event = engine_->next_event()) {
            if (const auto* notice = std::get_if<Notice>(&*event)) {
                notices_ += notice->text + "\n";
                continue;
            }
            EXPECT_TRUE(engine_->done());
            EXPECT_TRUE(engine_->send_window().empty());
            EXPECT_TRUE(engine_->recv_window().empty());
            EXPECT_EQ(engine_->deadline(), base::kNever);
            EXPECT_FALSE(engine_->next_event().has_value());
            return *event;
        }
        ADD_FAILURE() << "no outcome";
        return Notice{};
    }
    LoginFailed failure() {
        const auto event = outcome();
        const auto* failed = std::get_if<LoginFailed>(&event);
        EXPECT_NE(failed, nullptr) << "index " << event.index();
        return failed ? *failed : LoginFailed{};
    }

    std::optional<base::SeededRandom> random_;
    std::optional<LoginEngine> engine_;
    std::optional<Peer<LoginEngine>> peer_;
    proto::Isid isid_;
    proto::StatSn stat_sn_;
    std::string notices_;
};

}  // namespace iscsi::session::testing

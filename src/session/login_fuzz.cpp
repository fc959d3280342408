// SPDX-License-Identifier: LGPL-2.1-or-later
// A target that sends anything. The first byte chooses how we log in and in what pieces the rest
// arrives; the rest is the target's byte stream, its sequence numbers put right unless the choice
// says otherwise, so that the stream gets past the first checks.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

#include "base/check.hpp"
#include "proto/pdu.hpp"
#include "session/login.hpp"

using namespace iscsi;

namespace {

constexpr unsigned kChap = 1;
constexpr unsigned kMutual = 2;
constexpr unsigned kDiscovery = 4;
constexpr unsigned kRepair = 8;
constexpr unsigned kByteByByte = 16;
constexpr unsigned kDigests = 32;
constexpr unsigned kLongOffer = 64;

session::LoginConfig config_for(unsigned choice) {
    session::LoginConfig config;
    config.initiator_name = "iqn.2026-11.test:initiator";
    config.target_name = "iqn.2026-11.test:disk";
    config.isid = session::isid_for_session(1);
    if (choice & kDiscovery) config.session_type = session::SessionType::Discovery;
    if (choice & kChap) {
        config.auth.username = "joe";
        config.auth.password = base::Secret("initiator secret");
        config.auth.chap_algs = {record::ChapAlgorithm::Sha256, record::ChapAlgorithm::Md5};
    }
    if (choice & kMutual) {
        config.auth.username_in = "target";
        config.auth.password_in = base::Secret("target secret 12");
    }
    if (choice & kDigests) config.offer.header_digest = record::Digest::PreferCrc32c;
    if (choice & kLongOffer) config.initiator_alias = std::string(9000, 'a');
    return config;
}

// What a target of good will would have put there.
void repair(std::span<std::byte> header, std::uint32_t stat_sn) {
    const auto isid = session::isid_for_session(1);
    std::memcpy(header.data() + 8, isid.bytes.data(), isid.bytes.size());
    base::store_u32(header, 16, 0);
    base::store_u32(header, 24, stat_sn);
}

void check_outcome(const session::LoginEngine::Event& event) {
    const auto* login = std::get_if<session::LoggedIn>(&event);
    if (!login) return;
    const auto& params = login->params;
    CHECK(login->tsih != 0);
    CHECK(params.max_xmit_data_segment_length >= 512);
    CHECK(params.max_xmit_data_segment_length <= 16777215);
    CHECK(params.first_burst_length <= params.max_burst_length);
    CHECK(params.max_burst_length <= 16776192);
    CHECK(params.error_recovery_level == 0 && params.max_outstanding_r2t == 1);
    CHECK(params.data_pdu_in_order && params.data_sequence_in_order);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) return 0;
    const unsigned choice = data[0];
    std::vector<std::byte> stream;
    const auto rest = std::as_bytes(std::span(data + 1, size - 1));
    stream.assign(rest.begin(), rest.end());

    base::SeededRandom random(1);
    session::LoginEngine engine(config_for(choice), random, base::Instant{});
    std::size_t at = 0;
    std::uint32_t stat_sn = 1;
    while (!engine.done()) {
        while (!engine.send_window().empty()) {
            engine.on_sent(engine.send_window().front().size(), {});
        }
        const auto window = engine.recv_window();
        CHECK(!window.empty());
        if ((choice & kRepair) && window.size() == proto::kBhsBytes &&
            at + proto::kBhsBytes <= stream.size()) {
            repair(std::span(stream).subspan(at, proto::kBhsBytes), stat_sn++);
        }
        const auto count = std::min(
            {window.size(), stream.size() - at, choice & kByteByByte ? std::size_t{1} : SIZE_MAX});
        if (count == 0) break;
        std::memcpy(window.data(), stream.data() + at, count);
        at += count;
        engine.on_received(count, {});
    }
    while (const auto event = engine.next_event()) check_outcome(*event);
    return 0;
}

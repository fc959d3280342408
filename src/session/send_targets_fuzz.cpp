// SPDX-License-Identifier: LGPL-2.1-or-later
// A target that answers SendTargets with anything. Byte 0: arrive byte by byte or not, and whether
// tags and sequence numbers are put right; the rest is its byte stream.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/check.hpp"
#include "proto/pdu.hpp"
#include "session/send_targets.hpp"

using namespace iscsi;

namespace {

constexpr unsigned kRepair = 1;
constexpr unsigned kByteByByte = 2;

void repair(std::span<std::byte> header, std::uint32_t stat_sn) {
    constexpr std::byte kTextResponse{0x24};
    if (header[0] != kTextResponse) return;
    const bool final = (header[1] & std::byte{0x80}) != std::byte{};
    base::store_u32(header, 16, 1);
    base::store_u32(header, 20, final ? proto::kReservedTag : 5);
    base::store_u32(header, 24, stat_sn);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) return 0;
    const unsigned choice = data[0];
    const auto rest = std::as_bytes(std::span(data + 1, size - 1));
    std::vector<std::byte> stream(rest.begin(), rest.end());

    session::LoggedIn login;
    login.cmd_sn = {1};
    login.max_cmd_sn = {3};
    login.exp_stat_sn = {1};
    session::SendTargetsEngine engine(login, {}, base::Instant{});
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
            const auto header = std::span(stream).subspan(at, proto::kBhsBytes);
            repair(header, stat_sn);
            if (header[0] == std::byte{0x24}) ++stat_sn;
        }
        const auto count = std::min(
            {window.size(), stream.size() - at, choice & kByteByByte ? std::size_t{1} : SIZE_MAX});
        if (count == 0) break;
        std::memcpy(window.data(), stream.data() + at, count);
        at += count;
        engine.on_received(count, {});
    }
    const auto event = engine.next_event();
    if (!event) return 0;
    if (const auto* answer = std::get_if<session::SendTargetsAnswer>(&*event)) {
        for (const auto& target : answer->targets) CHECK(session::is_iscsi_name(target.name));
    }
    return 0;
}

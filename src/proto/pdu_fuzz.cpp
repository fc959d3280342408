// SPDX-License-Identifier: LGPL-2.1-or-later
// Any 48 bytes as the header of every PDU: what is decoded and encoded again decodes to the same.
// What follows is walked as additional header segments.
#include <algorithm>
#include <cstdint>
#include <span>

#include "base/check.hpp"
#include "proto/ahs.hpp"
#include "proto/pdu.hpp"

using namespace iscsi;

namespace {

template <class Pdu>
void check(proto::Bhs bhs) {
    const auto opcode = static_cast<std::byte>(Pdu::kOpcode);
    bhs[0] = (bhs[0] & std::byte{0xc0}) | opcode;
    const auto pdu = proto::decode<Pdu>(bhs);
    if (!pdu) return;
    const auto again = proto::decode<Pdu>(proto::encode(*pdu));
    CHECK(again.has_value() && *again == *pdu);
}

template <class... Pdus>
void check_all(const proto::Bhs& bhs) {
    (check<Pdus>(bhs), ...);
}

void walk_ahs(base::ConstByteSpan bytes) {
    proto::AhsReader reader(bytes);
    std::size_t seen = 0;
    for (;;) {
        const auto segment = reader.next();
        if (!segment || !*segment) return;
        seen += 3 + (*segment)->body.size();
        CHECK(seen <= bytes.size());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = std::as_bytes(std::span(data, size));
    proto::Bhs bhs{};
    std::ranges::copy(bytes.first(std::min(size, bhs.size())), bhs.begin());
    check_all<proto::NopOut, proto::ScsiCommand, proto::TaskManagementRequest, proto::LoginRequest,
              proto::TextRequest, proto::DataOut, proto::LogoutRequest, proto::SnackRequest>(bhs);
    check_all<proto::NopIn, proto::ScsiResponse, proto::TaskManagementResponse,
              proto::LoginResponse, proto::TextResponse, proto::DataIn, proto::LogoutResponse,
              proto::R2t, proto::AsyncMessage, proto::Reject>(bhs);
    const auto common = proto::decode_common(bhs);
    CHECK(common.padded_data_bytes() % 4 == 0);
    if (size > bhs.size()) {
        const auto rest = bytes.subspan(bhs.size());
        walk_ahs(rest.first(std::min(rest.size(), common.ahs_bytes())));
    }
    return 0;
}

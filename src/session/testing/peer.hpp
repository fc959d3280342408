// SPDX-License-Identifier: LGPL-2.1-or-later
// The other end of an engine's connection, for tests: takes what the engine sends apart, and feeds
// it bytes in pieces of any size.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/instant.hpp"
#include "proto/pdu.hpp"
#include "proto/text.hpp"

namespace iscsi::session::testing {

inline base::Instant at(std::chrono::seconds seconds) { return base::Instant{} + seconds; }

// "A=1;B=2;" -> NUL-terminated pairs.
inline std::string text_of(std::string_view readable) {
    std::string text(readable);
    std::ranges::replace(text, ';', '\0');
    return text;
}

inline std::string readable(std::string_view text) {
    std::string shown(text);
    std::ranges::replace(shown, '\0', ';');
    return shown;
}

template <class Pdu>
struct Sent {
    Pdu header;
    std::string text;  // readable
};

// Bytes of a PDU with its data and padding.
template <class Pdu>
std::vector<std::byte> wire(Pdu pdu, std::string_view data) {
    pdu.data_segment_length = static_cast<std::uint32_t>(data.size());
    const auto header = proto::encode(pdu);
    std::vector<std::byte> bytes(header.begin(), header.end());
    const auto segment = base::as_bytes(data);
    bytes.insert(bytes.end(), segment.begin(), segment.end());
    bytes.resize(bytes.size() + base::pad4(data.size()));
    return bytes;
}

template <class Engine>
class Peer {
public:
    explicit Peer(Engine& engine) : engine_(engine) {}

    // Takes everything the engine wants to send, in pieces of at most `piece` bytes.
    std::vector<std::byte> take(std::size_t piece = SIZE_MAX) {
        std::vector<std::byte> bytes;
        while (!engine_.send_window().empty()) {
            EXPECT_TRUE(engine_.recv_window().empty()) << "receives while it sends";
            const auto span = engine_.send_window().front();
            const auto count = std::min(piece, span.size());
            bytes.insert(bytes.end(), span.begin(), span.begin() + static_cast<long>(count));
            engine_.on_sent(count, now);
        }
        return bytes;
    }

    // The one PDU that the engine sends next.
    template <class Pdu>
    Sent<Pdu> take_pdu(std::size_t piece = SIZE_MAX) {
        const auto bytes = take(piece);
        Sent<Pdu> sent;
        if (bytes.size() < proto::kBhsBytes) {
            ADD_FAILURE() << "nothing was sent";
            return sent;
        }
        const auto view = proto::BhsView(bytes.data(), proto::kBhsBytes);
        const auto common = proto::decode_common(view);
        EXPECT_EQ(bytes.size(), proto::kBhsBytes + common.padded_data_bytes());
        const auto pdu = proto::decode<Pdu>(view);
        EXPECT_TRUE(pdu.has_value()) << "opcode " << int{common.opcode};
        if (pdu) sent.header = *pdu;
        sent.text = readable(base::as_text(
            base::ConstByteSpan(bytes).subspan(proto::kBhsBytes, common.data_segment_length)));
        return sent;
    }

    // Feeds bytes in pieces of at most `piece`; stops when the engine takes no more. Returns what
    // was fed.
    std::size_t give(base::ConstByteSpan bytes, std::size_t piece = SIZE_MAX) {
        std::size_t fed = 0;
        while (fed < bytes.size()) {
            const auto window = engine_.recv_window();
            if (window.empty()) break;
            const auto count = std::min({piece, window.size(), bytes.size() - fed});
            std::memcpy(window.data(), bytes.data() + fed, count);
            fed += count;
            engine_.on_received(count, now);
        }
        return fed;
    }

    base::Instant now = at(std::chrono::seconds(1000));

private:
    Engine& engine_;
};

}  // namespace iscsi::session::testing

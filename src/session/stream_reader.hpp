// SPDX-License-Identifier: LGPL-2.1-or-later
// Cuts the received byte stream into PDUs (RFC 7143 section 11.2) and checks their digests. Knows
// nothing of tasks: for each PDU it shows the header, is told where the payload goes, puts it there
// and says when the PDU is whole.
//
//             header whole, digest right            payload, padding and digest whole
//   Header -------------------------------> Chosen? ------------------------> Header
//     next() = Header, owner calls payload_to*()      next() = Complete
//
// Bytes arrive in scratch memory as long as a header is due, with a read-ahead that takes in many
// small PDUs at once. While the payload of a PDU is due that goes to memory of the owner's, the
// window is that memory, followed by scratch for what comes next. After a large payload the
// read-ahead is small, since what it takes in of the next large payload must be copied.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>

#include "base/bytes.hpp"
#include "proto/digest.hpp"
#include "proto/pdu.hpp"
#include "session/protocol_error.hpp"
#include "session/span_cursor.hpp"

namespace iscsi::session {

class StreamReader {
public:
    struct Config {
        bool header_digest = false;
        bool data_digest = false;
        std::uint32_t data_segment_max = 8192;  // our MaxRecvDataSegmentLength
    };
    enum class Step : std::uint8_t { NeedBytes, Header, Complete };

    static constexpr std::size_t kScratchBytes = std::size_t{64} * 1024;
    static constexpr std::size_t kSmallReadAhead = 1024;
    static constexpr std::size_t kLargePayload = 8192;  // bytes from which a copy is avoided
    static constexpr std::size_t kSpansMax = 128;
    static constexpr std::size_t kKeptBytes = 1024;  // of a payload that goes nowhere else

    StreamReader();
    void restart(const Config& config);

    // Where the next bytes go; never empty. Constant between calls of on_received() and next().
    std::span<const base::ByteSpan> window();
    void on_received(std::size_t count);

    // Goes on until it needs bytes. After Header the owner calls one of payload_to(), keep().
    std::expected<Step, ProtocolError> next();

    proto::BhsView header() const { return bhs_; }
    const proto::CommonHeader& common() const { return common_; }
    // Memory for exactly DataSegmentLength bytes, starting at the cursor.
    void payload_to(SpanCursor<base::ByteSpan> memory);
    // Keeps the first kKeptBytes of the payload, for kept() at Complete; the rest is dropped.
    void keep();
    base::ConstByteSpan kept() const { return base::ConstByteSpan(kept_).first(kept_size_); }

private:
    enum class State : std::uint8_t { Header, Choosing, ToOwner, Kept, Trailer };

    std::expected<bool, ProtocolError> read_header();
    std::expected<void, ProtocolError> check_common() const;
    std::expected<void, ProtocolError> check_header(base::ConstByteSpan header) const;
    bool read_payload();
    std::expected<bool, ProtocolError> read_trailer();
    void place(base::ConstByteSpan bytes);
    void make_room();
    std::size_t trailer_bytes() const;
    base::ConstByteSpan unread() const {
        return base::ConstByteSpan(scratch_.get() + begin_, end_ - begin_);
    }

    Config config_;
    State state_ = State::Header;
    proto::Bhs bhs_{};
    proto::CommonHeader common_;
    std::size_t payload_left_ = 0;
    std::size_t directly_received_ = 0;  // bytes of this payload that were not copied
    SpanCursor<base::ByteSpan> memory_;
    proto::Crc32c digest_;
    std::size_t read_ahead_ = kScratchBytes;

    std::unique_ptr<std::byte[]> scratch_;
    std::size_t begin_ = 0;  // unread bytes of scratch: begin_..end_
    std::size_t end_ = 0;
    std::array<std::byte, kKeptBytes> kept_{};
    std::size_t kept_size_ = 0;
    std::array<base::ByteSpan, kSpansMax> spans_;
};

}  // namespace iscsi::session

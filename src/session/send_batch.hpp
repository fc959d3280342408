// SPDX-License-Identifier: LGPL-2.1-or-later
// PDUs on their way out: headers, digests and padding in memory of its own, data by reference, all
// of it one gather list for a single system call. Each PDU names an owner, who is told when the
// PDU's last byte was sent: until then the owner's data must stay where it is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/bytes.hpp"
#include "proto/pdu.hpp"
#include "session/span_cursor.hpp"

namespace iscsi::session {

class SendBatch {
public:
    static constexpr std::size_t kPdusMax = 64;
    static constexpr std::size_t kSpansMax = 512;
    // A batch takes no more PDUs once it holds this much: commands should not wait behind more.
    static constexpr std::size_t kFullBytes = std::size_t{1024} * 1024;
    static constexpr std::uint32_t kNoOwner = 0xffff'ffff;

    SendBatch();
    void restart(bool header_digest, bool data_digest);

    bool empty() const { return spans_first_ == spans_end_; }
    // True when one more PDU may be added. Only an empty batch, or one of which nothing was shown
    // to the socket yet, may grow: the owner's rule, not checked here.
    bool has_room() const;
    // How much of the next `size` bytes at the cursor one more PDU can carry: all of them, or,
    // where they lie in more pieces than there are spans left, a multiple of four.
    std::size_t data_that_fits(SpanCursor<base::ConstByteSpan> data, std::size_t size) const;

    void add(const proto::Bhs& bhs, std::uint32_t owner, base::ConstByteSpan ahs = {});
    // The same with a data segment of `size` bytes, taken from the cursor.
    void add(const proto::Bhs& bhs, std::uint32_t owner, base::ConstByteSpan ahs,
             SpanCursor<base::ConstByteSpan>& data, std::size_t size);

    std::span<const base::ConstByteSpan> window() const {
        return std::span(*spans_).subspan(spans_first_, spans_end_ - spans_first_);
    }
    void on_sent(std::size_t count);
    // The owner of a PDU that has left entirely since the last call; ask until nullopt.
    std::optional<std::uint32_t> next_sent_owner();

private:
    struct Pdu {
        proto::Bhs bhs{};
        std::array<std::byte, proto::kDigestBytes> header_digest{};
        std::array<std::byte, 3 + proto::kDigestBytes> trailer{};  // padding and data digest
        std::uint32_t owner = kNoOwner;
        std::size_t bytes_left = 0;
    };
    static constexpr std::size_t kSpansBesideData = 4;  // header, AHS, header digest, trailer

    Pdu& add_header(const proto::Bhs& bhs, std::uint32_t owner, base::ConstByteSpan ahs);
    void push(Pdu& pdu, base::ConstByteSpan bytes);

    bool header_digest_ = false;
    bool data_digest_ = false;
    std::size_t bytes_ = 0;
    std::unique_ptr<std::array<Pdu, kPdusMax>> pdus_;
    std::size_t pdus_first_ = 0;  // first that is not sent entirely
    std::size_t pdus_told_ = 0;   // first whose owner was not told
    std::size_t pdus_end_ = 0;
    std::unique_ptr<std::array<base::ConstByteSpan, kSpansMax>> spans_;
    std::size_t spans_first_ = 0;
    std::size_t spans_end_ = 0;
};

}  // namespace iscsi::session

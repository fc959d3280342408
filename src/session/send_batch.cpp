// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/send_batch.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "proto/digest.hpp"

namespace iscsi::session {

SendBatch::SendBatch()
    : pdus_(std::make_unique<std::array<Pdu, kPdusMax>>()),
      spans_(std::make_unique<std::array<base::ConstByteSpan, kSpansMax>>()) {}

void SendBatch::restart(bool header_digest, bool data_digest) {
    header_digest_ = header_digest;
    data_digest_ = data_digest;
    bytes_ = 0;
    pdus_first_ = pdus_told_ = pdus_end_ = 0;
    spans_first_ = spans_end_ = 0;
}

bool SendBatch::has_room() const {
    // Data needs a few spans to be worth a PDU of its own.
    return pdus_end_ < kPdusMax && bytes_ < kFullBytes &&
           kSpansMax - spans_end_ >= kSpansBesideData + 16;
}

std::size_t SendBatch::data_that_fits(SpanCursor<base::ConstByteSpan> data,
                                      std::size_t size) const {
    const std::size_t spans = kSpansMax - spans_end_ - kSpansBesideData;
    std::size_t fits = 0;
    for (std::size_t i = 0; i < spans && fits < size; ++i) fits += data.take(size - fits).size();
    // Only the last data segment of a sequence should need padding (RFC 7143 section 11.7.7).
    return fits == size ? size : fits - fits % 4;
}

void SendBatch::add(const proto::Bhs& bhs, std::uint32_t owner, base::ConstByteSpan ahs) {
    add_header(bhs, owner, ahs);
}

void SendBatch::add(const proto::Bhs& bhs, std::uint32_t owner, base::ConstByteSpan ahs,
                    SpanCursor<base::ConstByteSpan>& data, std::size_t size) {
    auto& pdu = add_header(bhs, owner, ahs);
    if (size == 0) return;
    proto::Crc32c crc;
    for (std::size_t left = size; left > 0;) {
        const auto piece = data.take(left);
        CHECK(!piece.empty());
        if (data_digest_) crc.update(piece);
        push(pdu, piece);
        left -= piece.size();
    }
    const std::size_t pad = base::pad4(size);
    std::fill_n(pdu.trailer.begin(), pad, std::byte{0});
    std::size_t trailer = pad;
    if (data_digest_) {
        crc.update(base::ConstByteSpan(pdu.trailer).first(pad));
        std::ranges::copy(crc.wire(), pdu.trailer.begin() + static_cast<std::ptrdiff_t>(pad));
        trailer += proto::kDigestBytes;
    }
    if (trailer > 0) push(pdu, base::ConstByteSpan(pdu.trailer).first(trailer));
}

SendBatch::Pdu& SendBatch::add_header(const proto::Bhs& bhs, std::uint32_t owner,
                                      base::ConstByteSpan ahs) {
    CHECK(has_room());
    auto& pdu = (*pdus_)[pdus_end_++];
    pdu.bhs = bhs;
    pdu.owner = owner;
    pdu.bytes_left = 0;
    push(pdu, pdu.bhs);
    if (!ahs.empty()) push(pdu, ahs);
    if (header_digest_) {
        proto::Crc32c crc;
        crc.update(pdu.bhs);
        crc.update(ahs);
        pdu.header_digest = crc.wire();
        push(pdu, pdu.header_digest);
    }
    return pdu;
}

void SendBatch::push(Pdu& pdu, base::ConstByteSpan bytes) {
    CHECK(spans_end_ < kSpansMax);
    (*spans_)[spans_end_++] = bytes;
    pdu.bytes_left += bytes.size();
    bytes_ += bytes.size();
}

void SendBatch::on_sent(std::size_t count) {
    std::size_t left = count;
    while (left > 0) {
        CHECK(spans_first_ < spans_end_);
        auto& span = (*spans_)[spans_first_];
        const std::size_t part = std::min(left, span.size());
        span = span.subspan(part);
        left -= part;
        if (span.empty()) ++spans_first_;
    }
    while (count > 0) {
        auto& pdu = (*pdus_)[pdus_first_];
        const std::size_t part = std::min(count, pdu.bytes_left);
        pdu.bytes_left -= part;
        count -= part;
        if (pdu.bytes_left == 0) ++pdus_first_;
    }
}

std::optional<std::uint32_t> SendBatch::next_sent_owner() {
    if (pdus_told_ < pdus_first_) return (*pdus_)[pdus_told_++].owner;
    if (empty()) {
        bytes_ = 0;
        pdus_first_ = pdus_told_ = pdus_end_ = 0;
        spans_first_ = spans_end_ = 0;
    }
    return std::nullopt;
}

}  // namespace iscsi::session

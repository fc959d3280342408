// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/stream_reader.hpp"

#include <algorithm>
#include <cstring>

#include "base/check.hpp"
#include "base/error.hpp"
#include "proto/ahs.hpp"

namespace iscsi::session {

namespace {

constexpr std::size_t kHeaderBytesMax =
    proto::kBhsBytes + proto::kAhsBytesMax + proto::kDigestBytes;

std::unexpected<ProtocolError> violated(Violation violation, std::uint64_t value,
                                        std::uint64_t expected = 0) {
    return std::unexpected(ProtocolError{violation, value, expected});
}

bool ahs_adds_up(base::ConstByteSpan bytes) {
    proto::AhsReader reader(bytes);
    for (;;) {
        const auto segment = reader.next();
        if (!segment) return false;
        if (!*segment) return true;
    }
}

}  // namespace

StreamReader::StreamReader() : scratch_(std::make_unique<std::byte[]>(kScratchBytes)) {}

void StreamReader::restart(const Config& config) {
    config_ = config;
    state_ = State::Header;
    begin_ = end_ = 0;
    payload_left_ = directly_received_ = kept_size_ = 0;
    read_ahead_ = kScratchBytes;
}

std::span<const base::ByteSpan> StreamReader::window() {
    std::size_t count = 0;
    std::size_t ahead = read_ahead_;
    if (state_ == State::ToOwner && payload_left_ > 0) {
        // Scratch is empty here: next() moved what it had.
        auto memory = memory_;
        auto left = payload_left_;
        while (left > 0 && count < spans_.size()) {
            spans_[count] = memory.take(left);
            left -= spans_[count].size();
            ++count;
        }
        if (left > 0 || count == spans_.size()) return std::span(spans_).first(count);
        if (payload_left_ >= kLargePayload) ahead = kSmallReadAhead;
    }
    const auto tail = base::ByteSpan(scratch_.get() + end_, kScratchBytes - end_);
    spans_[count] = tail.first(std::min(tail.size(), ahead));
    ++count;
    return std::span(spans_).first(count);
}

void StreamReader::on_received(std::size_t count) {
    if (state_ == State::ToOwner && payload_left_ > 0) {
        auto direct = std::min(count, payload_left_);
        payload_left_ -= direct;
        count -= direct;
        directly_received_ += direct;
        while (direct > 0) {
            const auto piece = memory_.take(direct);
            if (config_.data_digest) digest_.update(piece);
            direct -= piece.size();
        }
    }
    CHECK(count <= kScratchBytes - end_);
    end_ += count;
}

std::expected<StreamReader::Step, ProtocolError> StreamReader::next() {
    CHECK(state_ != State::Choosing);
    if (state_ == State::Header) {
        ISCSI_TRY(const bool whole, read_header());
        if (!whole) return Step::NeedBytes;
        state_ = State::Choosing;
        return Step::Header;
    }
    if (state_ == State::ToOwner || state_ == State::Kept) {
        if (!read_payload()) return Step::NeedBytes;
        state_ = State::Trailer;
    }
    ISCSI_TRY(const bool whole, read_trailer());
    if (!whole) return Step::NeedBytes;
    state_ = State::Header;
    read_ahead_ = directly_received_ >= kLargePayload ? kSmallReadAhead : kScratchBytes;
    return Step::Complete;
}

void StreamReader::payload_to(SpanCursor<base::ByteSpan> memory) {
    CHECK(state_ == State::Choosing);
    state_ = State::ToOwner;
    memory_ = memory;
}

void StreamReader::keep() {
    CHECK(state_ == State::Choosing);
    state_ = State::Kept;
}

// Takes the header from scratch when it is whole.
std::expected<bool, ProtocolError> StreamReader::read_header() {
    const auto bytes = unread();
    if (bytes.size() < proto::kBhsBytes) {
        make_room();
        return false;
    }
    std::ranges::copy(bytes.first(proto::kBhsBytes), bhs_.begin());
    common_ = proto::decode_common(bhs_);
    // Without a digest the header can be believed at once: do not wait for the AHS of a bad one.
    if (!config_.header_digest) ISCSI_TRY_VOID(check_common());
    const std::size_t covered = proto::kBhsBytes + common_.ahs_bytes();
    const std::size_t whole = covered + (config_.header_digest ? proto::kDigestBytes : 0);
    if (bytes.size() < whole) {
        make_room();
        return false;
    }
    ISCSI_TRY_VOID(check_header(bytes.first(whole)));
    begin_ += whole;
    payload_left_ = common_.data_segment_length;
    directly_received_ = kept_size_ = 0;
    digest_ = proto::Crc32c();
    return true;
}

std::expected<void, ProtocolError> StreamReader::check_common() const {
    if (!proto::is_target_opcode(common_.opcode)) {
        return violated(Violation::UnknownOpcode, common_.opcode);
    }
    if (common_.data_segment_length > config_.data_segment_max) {
        return violated(Violation::SegmentTooLong, common_.data_segment_length,
                        config_.data_segment_max);
    }
    return {};
}

std::expected<void, ProtocolError> StreamReader::check_header(base::ConstByteSpan header) const {
    const std::size_t covered = proto::kBhsBytes + common_.ahs_bytes();
    if (config_.header_digest) {
        proto::Crc32c crc;
        crc.update(header.first(covered));
        const auto wire = header.subspan(covered);
        if (!proto::digest_matches(crc, wire)) {
            return violated(Violation::HeaderDigestMismatch, base::load_be<4>(wire, 0),
                            base::load_be<4>(crc.wire(), 0));
        }
    }
    ISCSI_TRY_VOID(check_common());
    if (!ahs_adds_up(header.subspan(proto::kBhsBytes, common_.ahs_bytes()))) {
        return violated(Violation::BadAhs, common_.total_ahs_length);
    }
    return {};
}

// Moves payload from scratch to its place; true when all of it is there.
bool StreamReader::read_payload() {
    const auto bytes = unread();
    const auto piece = bytes.first(std::min(bytes.size(), payload_left_));
    place(piece);
    begin_ += piece.size();
    payload_left_ -= piece.size();
    if (payload_left_ == 0) return true;
    begin_ = end_ = 0;
    return false;
}

void StreamReader::place(base::ConstByteSpan bytes) {
    if (config_.data_digest) digest_.update(bytes);
    if (state_ == State::Kept) {
        const auto kept = bytes.first(std::min(bytes.size(), kKeptBytes - kept_size_));
        std::ranges::copy(kept, kept_.begin() + static_cast<std::ptrdiff_t>(kept_size_));
        kept_size_ += kept.size();
        return;
    }
    while (!bytes.empty()) {
        const auto target = memory_.take(bytes.size());
        CHECK(!target.empty());
        std::memcpy(target.data(), bytes.data(), target.size());
        bytes = bytes.subspan(target.size());
    }
}

// Padding and digest; both are there only with a data segment (section 11.2.3).
std::expected<bool, ProtocolError> StreamReader::read_trailer() {
    const auto bytes = unread();
    const auto whole = trailer_bytes();
    if (bytes.size() < whole) {
        make_room();
        return false;
    }
    if (whole > 0 && config_.data_digest) {
        const auto pad = base::pad4(common_.data_segment_length);
        digest_.update(bytes.first(pad));
        const auto wire = bytes.subspan(pad, proto::kDigestBytes);
        if (!proto::digest_matches(digest_, wire)) {
            return violated(Violation::DataDigestMismatch, base::load_be<4>(wire, 0),
                            base::load_be<4>(digest_.wire(), 0));
        }
    }
    begin_ += whole;
    return true;
}

std::size_t StreamReader::trailer_bytes() const {
    if (common_.data_segment_length == 0) return 0;
    return base::pad4(common_.data_segment_length) +
           (config_.data_digest ? proto::kDigestBytes : 0);
}

// Moves a partial header or trailer to the front, so that the whole of it and a good read-ahead
// fit.
void StreamReader::make_room() {
    static_assert(kHeaderBytesMax <= kScratchBytes / 2);
    const auto bytes = unread();
    std::memmove(scratch_.get(), bytes.data(), bytes.size());
    end_ = bytes.size();
    begin_ = 0;
}

}  // namespace iscsi::session

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "control/legacy_reader.hpp"

#include <algorithm>

#include "base/fixed_struct.hpp"

namespace iscsi::control::legacy {

using base::ErrorCode;

namespace {

constexpr std::size_t kHeadBytes = 8;  // command and payload length
constexpr std::size_t kBytesMax = kRequestBytesMax + kPayloadBytesMax;

// A payload is a list of texts, each behind its length.
std::size_t count_texts(base::ConstByteSpan payload) {
    std::size_t count = 0;
    while (payload.size() >= sizeof(std::uint32_t)) {
        std::uint32_t length = 0;
        base::StructReader(payload, 0).number<std::uint32_t>(length);
        payload = payload.subspan(sizeof length);
        if (length > payload.size()) break;
        payload = payload.subspan(length);
        ++count;
    }
    return count;
}

}  // namespace

Command RequestReader::command() const {
    if (bytes_.size() < sizeof(std::uint32_t)) return Command::Unknown;
    std::uint32_t number = 0;
    base::StructReader(bytes_, 0).number<std::uint32_t>(number);
    return static_cast<Command>(number);
}

std::size_t RequestReader::payload_length() const {
    if (bytes_.size() < kHeadBytes || !carries_payload(command())) return 0;
    std::uint32_t length = 0;
    base::StructReader(bytes_, sizeof(std::uint32_t)).number<std::uint32_t>(length);
    return length;
}

RequestReader::Progress RequestReader::take(base::ConstByteSpan bytes) {
    const std::size_t fits = std::min(bytes.size(), kBytesMax - bytes_.size());
    overlong_ = overlong_ || fits < bytes.size();
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(fits));
    return progress_ = judge();
}

RequestReader::Progress RequestReader::judge() const {
    if (bytes_.size() < kHeadBytes) return Progress::Incomplete;
    const std::size_t payload = payload_length();
    if (payload > kPayloadBytesMax) return Progress::Complete;  // refused
    const std::size_t got = bytes_.size();
    if (got < kRequestBytesMin + payload) return Progress::Incomplete;
    const bool size_matters = carries_record(command()) || payload > 0;
    if (!size_matters || got >= kRequestBytesMax + payload) return Progress::Complete;
    return version_of_size(got - payload) ? Progress::MaybeComplete : Progress::Incomplete;
}

base::Result<Request> RequestReader::finish() const {
    const std::size_t payload = payload_length();
    if (payload > kPayloadBytesMax) {
        return base::fail(ErrorCode::InvalidRequest, "a request with a payload of {} bytes",
                          payload);
    }
    if (bytes_.size() < kRequestBytesMin + payload) {
        return base::fail(ErrorCode::InvalidRequest, "a request cut short after {} bytes",
                          bytes_.size());
    }
    const base::ConstByteSpan all(bytes_);
    if (!carries_record(command()) && payload == 0) {
        // These lie at the front in every version.
        return decode_request(all.first(kRequestBytesMin), Version::V2_1_8);
    }
    const auto version = version_of_size(bytes_.size() - payload);
    if (!version || overlong_) {
        return base::fail(ErrorCode::InvalidRequest, "a request of {} bytes is of no known version",
                          bytes_.size());
    }
    const std::size_t size = request_bytes(*version);
    ISCSI_TRY(Request request, decode_request(all.first(size), *version));
    request.payload_texts = count_texts(all.subspan(size));
    return request;
}

}  // namespace iscsi::control::legacy

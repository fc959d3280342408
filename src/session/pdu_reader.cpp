// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/pdu_reader.hpp"

namespace iscsi::session {

std::string_view pdu_read_error_text(PduReadErrc error) {
    switch (error) {
        case PduReadErrc::DataTooLong:
            return "its data segment is longer than we declared to take";
        case PduReadErrc::HasAhs:
            return "it has an additional header segment";
    }
    return {};
}

std::span<std::byte> PduReader::window() {
    if (received_ < header_.size()) return std::span(header_).subspan(received_);
    return std::span(data_).subspan(received_ - header_.size());
}

std::expected<bool, PduReadErrc> PduReader::on_received(std::size_t count) {
    CHECK(count <= window().size());
    received_ += count;
    if (received_ < header_.size()) return false;
    if (received_ == header_.size() && count > 0) {
        const auto common = proto::decode_common(header_);
        if (common.total_ahs_length != 0) return std::unexpected(PduReadErrc::HasAhs);
        if (common.data_segment_length > data_bytes_max_) {
            return std::unexpected(PduReadErrc::DataTooLong);
        }
        data_bytes_ = common.data_segment_length;
        data_.resize(common.padded_data_bytes());
    }
    return received_ == header_.size() + data_.size();
}

base::ConstByteSpan PduReader::data() const { return std::span(data_).first(data_bytes_); }

void PduReader::start_over() {
    received_ = 0;
    data_bytes_ = 0;
    data_.clear();
}

}  // namespace iscsi::session

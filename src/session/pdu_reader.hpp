// SPDX-License-Identifier: LGPL-2.1-or-later
// Collects one PDU at a time for the engines that exchange text (login, SendTargets): they expect
// no additional header segments and use no digests. Lengths are checked before memory is taken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "proto/pdu.hpp"

namespace iscsi::session {

enum class PduReadErrc : std::uint8_t {
    DataTooLong,  // DataSegmentLength above the limit
    HasAhs,       // TotalAHSLength is not 0
};
std::string_view pdu_read_error_text(PduReadErrc error);

class PduReader {
public:
    explicit PduReader(std::uint32_t data_bytes_max) : data_bytes_max_(data_bytes_max) {}

    // Where the next bytes of this PDU belong, never more than it has. Never empty before
    // on_received() has said true.
    std::span<std::byte> window();
    // True: the PDU is complete. Precondition: count <= window().size().
    std::expected<bool, PduReadErrc> on_received(std::size_t count);
    proto::BhsView header() const { return header_; }
    base::ConstByteSpan data() const;  // without padding
    void start_over();

private:
    std::uint32_t data_bytes_max_;
    proto::Bhs header_{};
    std::vector<std::byte> data_;  // with padding, sized once the header is complete
    std::uint32_t data_bytes_ = 0;
    std::size_t received_ = 0;  // of header and data together
};

}  // namespace iscsi::session

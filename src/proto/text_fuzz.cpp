// SPDX-License-Identifier: LGPL-2.1-or-later
// Text keys: what parses prints back to the same pairs, cuts do not matter, values never crash.
#include <cstdint>
#include <span>

#include "base/check.hpp"
#include "proto/text.hpp"

using namespace iscsi;

namespace {

void check_values(const proto::TextPair& pair) {
    (void)proto::parse_text_number(pair.value);
    if (const auto bytes = proto::parse_text_binary(pair.value, 1024)) {
        CHECK(!bytes->empty() && bytes->size() <= 1024);
        CHECK(proto::parse_text_binary(proto::print_text_binary(*bytes), 1024) == bytes);
    }
    CHECK(proto::printable(pair.value).size() <= 67);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto input = std::as_bytes(std::span(data, size));
    const auto pairs = proto::parse_text(base::as_text(input));

    // The same text in two pieces, cut where its first byte says.
    proto::TextCollector collector(size);
    const std::size_t cut = size == 0 ? 0 : data[0] % (size + 1);
    CHECK(collector.append(input.first(cut)));
    CHECK(collector.append(input.subspan(cut)));
    const auto joined = collector.take();
    CHECK(joined.has_value() == pairs.has_value());
    if (!pairs) {
        CHECK(joined.error() == pairs.error());
        return 0;
    }
    CHECK(*joined == *pairs);

    proto::TextWriter writer;
    for (const auto& pair : *pairs) {
        check_values(pair);
        writer.add(pair.key, pair.value);
    }
    CHECK(proto::parse_text(base::as_text(writer.next_segment(SIZE_MAX))) == pairs);
    return 0;
}

// SPDX-License-Identifier: LGPL-2.1-or-later
// The text format of login and text negotiation (RFC 7143 section 6.1): `key=value` pairs, each
// ended by a NUL, which may spread over any number of PDUs; numbers, and binary values in hex or
// base64. What the keys mean is session/negotiation.hpp's business.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace iscsi::proto {

inline constexpr std::size_t kTextKeyBytesMax = 63;     // section 6.1, key-name
inline constexpr std::size_t kTextValueBytesMax = 255;  // section 6.1, where no other limit is told
inline constexpr std::size_t kTextBinaryBytesMax = 1024;  // section 12.1.3, CHAP_C and CHAP_R

struct TextPair {
    std::string key;
    std::string value;
    bool operator==(const TextPair&) const = default;
};

enum class TextErrc : std::uint8_t {
    TooLong,        // more bytes than the collector takes
    NotTerminated,  // the last pair has no NUL
    NoEqualsSign,   // a piece of text without '='
    BadKey,         // an empty key, one of more than 63 bytes, or with a forbidden character
};
std::string_view text_error_text(TextErrc error);

// Joins the data segments of PDUs into one text, as long as it stays within `bytes_max`.
class TextCollector {
public:
    explicit TextCollector(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    std::expected<void, TextErrc> append(base::ConstByteSpan segment);
    bool empty() const { return text_.empty(); }
    std::size_t size() const { return text_.size(); }
    // The pairs in the order they came, values unexamined. Leaves the collector empty. NULs beyond
    // the one that ends a pair are skipped: targets pad with them inside the data segment.
    std::expected<std::vector<TextPair>, TextErrc> take();

private:
    std::size_t bytes_max_;
    std::string text_;
};

// Parses a complete text.
std::expected<std::vector<TextPair>, TextErrc> parse_text(std::string_view text);

// Writes pairs, and hands the text out in data segments of limited length.
class TextWriter {
public:
    void add(std::string_view key, std::string_view value);
    void add(std::string_view key, std::uint64_t value);

    bool empty() const { return at_ == text_.size(); }
    std::size_t size() const { return text_.size() - at_; }
    // The next segment, at most `bytes_max` long. A pair is cut wherever the limit falls; the
    // receiver joins (section 6.2). Valid until the next call.
    base::ConstByteSpan next_segment(std::size_t bytes_max);

private:
    std::string text_;
    std::size_t at_ = 0;
};

// A numerical value: decimal, or hexadecimal after 0x or 0X. Nullopt for anything else, and for
// what does not fit.
std::optional<std::uint64_t> parse_text_number(std::string_view text);

// A binary value: hexadecimal after 0x or 0X (two digits a byte), or base64 after 0b or 0B. Nullopt
// for anything else, for an empty one, and for one of more than `bytes_max` bytes.
std::optional<std::vector<std::byte>> parse_text_binary(std::string_view text,
                                                        std::size_t bytes_max);
// "0x" and lower-case digits.
std::string print_text_binary(base::ConstByteSpan bytes);

// Text from a peer, made fit for a message: what is not printable ASCII becomes '?', what is beyond
// `chars_max` becomes "...".
std::string printable(std::string_view text, std::size_t chars_max = 64);

}  // namespace iscsi::proto

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "proto/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/numbers.hpp"

namespace iscsi::proto {

namespace {

// Section 6.1: letters, digits, and these; a key starts with a letter. '#' and '_' occur in
// extension keys and CHAP's.
bool is_key_character(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view(".-+@_/#").find(c) != std::string_view::npos;
}

bool is_key(std::string_view key) {
    return !key.empty() && key.size() <= kTextKeyBytesMax &&
           std::ranges::all_of(key, is_key_character);
}

bool has_radix_prefix(std::string_view text, char lower) {
    return text.size() >= 2 && text[0] == '0' && (text[1] | 0x20) == lower;
}

std::optional<unsigned> hex_digit(char c) {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    const char lower = static_cast<char>(c | 0x20);
    if (lower >= 'a' && lower <= 'f') return static_cast<unsigned>(lower - 'a' + 10);
    return std::nullopt;
}

std::optional<unsigned> base64_digit(char c) {
    if (c >= 'A' && c <= 'Z') return static_cast<unsigned>(c - 'A');
    if (c >= 'a' && c <= 'z') return static_cast<unsigned>(c - 'a' + 26);
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0' + 52);
    if (c == '+') return 62U;
    if (c == '/') return 63U;
    return std::nullopt;
}

std::optional<std::vector<std::byte>> parse_hex_bytes(std::string_view digits) {
    if (digits.size() % 2 != 0) return std::nullopt;
    std::vector<std::byte> bytes;
    bytes.reserve(digits.size() / 2);
    for (std::size_t i = 0; i < digits.size(); i += 2) {
        const auto high = hex_digit(digits[i]);
        const auto low = hex_digit(digits[i + 1]);
        if (!high || !low) return std::nullopt;
        bytes.push_back(static_cast<std::byte>(*high << 4 | *low));
    }
    return bytes;
}

std::optional<std::vector<std::byte>> parse_base64_bytes(std::string_view digits) {
    if (digits.size() % 4 != 0) return std::nullopt;
    std::size_t padding = 0;
    while (padding < 2 && digits.ends_with('=')) {
        digits.remove_suffix(1);
        ++padding;
    }
    std::vector<std::byte> bytes;
    bytes.reserve(digits.size() * 3 / 4);
    std::uint32_t group = 0;
    unsigned bits = 0;
    for (const char c : digits) {
        const auto digit = base64_digit(c);
        if (!digit) return std::nullopt;
        group = group << 6 | *digit;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes.push_back(static_cast<std::byte>(group >> bits & 0xff));
        }
    }
    return bytes;
}

}  // namespace

std::string_view text_error_text(TextErrc error) {
    switch (error) {
        case TextErrc::TooLong:
            return "the text is too long";
        case TextErrc::NotTerminated:
            return "the text does not end with a NUL";
        case TextErrc::NoEqualsSign:
            return "a piece of text has no '='";
        case TextErrc::BadKey:
            return "a key has a forbidden form";
    }
    return {};
}

std::expected<void, TextErrc> TextCollector::append(base::ConstByteSpan segment) {
    if (segment.size() > bytes_max_ - text_.size()) return std::unexpected(TextErrc::TooLong);
    text_.append(base::as_text(segment));
    return {};
}

std::expected<std::vector<TextPair>, TextErrc> TextCollector::take() {
    auto pairs = parse_text(text_);
    text_.clear();
    return pairs;
}

std::expected<std::vector<TextPair>, TextErrc> parse_text(std::string_view text) {
    std::vector<TextPair> pairs;
    while (!text.empty()) {
        if (text.front() == '\0') {
            text.remove_prefix(1);
            continue;
        }
        const auto end = text.find('\0');
        if (end == std::string_view::npos) return std::unexpected(TextErrc::NotTerminated);
        const auto pair = text.substr(0, end);
        const auto equals = pair.find('=');
        if (equals == std::string_view::npos) return std::unexpected(TextErrc::NoEqualsSign);
        const auto key = pair.substr(0, equals);
        if (!is_key(key)) return std::unexpected(TextErrc::BadKey);
        pairs.push_back({std::string(key), std::string(pair.substr(equals + 1))});
        text.remove_prefix(end + 1);
    }
    return pairs;
}

void TextWriter::add(std::string_view key, std::string_view value) {
    CHECK(is_key(key) && value.find('\0') == std::string_view::npos);
    text_.append(key).append(1, '=').append(value).append(1, '\0');
}

void TextWriter::add(std::string_view key, std::uint64_t value) {
    add(key, fmt::format("{}", value));
}

base::ConstByteSpan TextWriter::next_segment(std::size_t bytes_max) {
    const auto segment = std::string_view(text_).substr(at_, bytes_max);
    at_ += segment.size();
    return base::as_bytes(segment);
}

std::optional<std::uint64_t> parse_text_number(std::string_view text) {
    if (has_radix_prefix(text, 'x')) return base::parse_hex(text.substr(2));
    return base::parse_unsigned(text);
}

std::optional<std::vector<std::byte>> parse_text_binary(std::string_view text,
                                                        std::size_t bytes_max) {
    // Four base64 digits carry three bytes, so this bounds the work in both forms.
    if (text.size() > 2 + bytes_max * 2 + 4) return std::nullopt;
    std::optional<std::vector<std::byte>> bytes;
    if (has_radix_prefix(text, 'x')) bytes = parse_hex_bytes(text.substr(2));
    if (has_radix_prefix(text, 'b')) bytes = parse_base64_bytes(text.substr(2));
    if (!bytes || bytes->empty() || bytes->size() > bytes_max) return std::nullopt;
    return bytes;
}

std::string print_text_binary(base::ConstByteSpan bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text = "0x";
    for (const auto byte : bytes) {
        const auto value = std::to_integer<unsigned>(byte);
        text.push_back(kDigits[value >> 4]);
        text.push_back(kDigits[value & 0xf]);
    }
    return text;
}

std::string printable(std::string_view text, std::size_t chars_max) {
    std::string shown(text.substr(0, chars_max));
    std::ranges::replace_if(shown, [](char c) { return c < ' ' || c > '~'; }, '?');
    if (text.size() > chars_max) shown += "...";
    return shown;
}

}  // namespace iscsi::proto

// SPDX-License-Identifier: LGPL-2.1-or-later
// A CHAP secret: has no formatter, is never printed by accident, is zeroed when it dies.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace iscsi::base {

class Secret {
public:
    Secret() = default;
    explicit Secret(std::string_view text) : text_(text) {}
    Secret(const Secret&) = default;
    // Copied and wiped: a string that was moved from may still hold the characters.
    // NOLINTNEXTLINE(performance-move-constructor-init)
    Secret(Secret&& other) noexcept : text_(other.text_) { other.wipe(); }
    Secret& operator=(const Secret& other) {
        if (this != &other) {
            wipe();
            text_ = other.text_;
        }
        return *this;
    }
    Secret& operator=(Secret&& other) noexcept {
        if (this != &other) {
            wipe();
            text_ = other.text_;
            other.wipe();
        }
        return *this;
    }
    ~Secret() { wipe(); }

    bool empty() const { return text_.empty(); }
    bool operator==(const Secret&) const = default;
    // The only way to the characters; the name shows up in review.
    std::string_view reveal() const { return text_; }

private:
    void wipe() {
        ::explicit_bzero(text_.data(), text_.size());
        text_.clear();
    }
    std::string text_;
};

}  // namespace iscsi::base

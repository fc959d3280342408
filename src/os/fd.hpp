// SPDX-License-Identifier: LGPL-2.1-or-later
// A file descriptor, owned: closed when it goes out of scope. Becomes one the moment it exists.
#pragma once

#include <unistd.h>

#include <utility>

namespace iscsi::os {

class Fd {
public:
    Fd() = default;
    // Takes ownership; a negative number is "none".
    explicit Fd(int number) : number_(number) {}
    Fd(Fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        if (this != &other) {
            reset();
            number_ = std::exchange(other.number_, -1);
        }
        return *this;
    }
    ~Fd() { reset(); }

    int get() const { return number_; }
    explicit operator bool() const { return number_ >= 0; }
    // Gives the descriptor away.
    int release() { return std::exchange(number_, -1); }
    // Closes now. An error of close() is of no use to anyone: whoever needs data on disk has
    // synced.
    void reset() {
        if (number_ >= 0) ::close(number_);
        number_ = -1;
    }

private:
    int number_ = -1;
};

}  // namespace iscsi::os

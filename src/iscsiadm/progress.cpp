// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "os/clock.hpp"

namespace iscsi::iscsiadm {

namespace {

constexpr std::chrono::seconds kPeriod{1};
constexpr std::size_t kColumns = 80;  // where the terminal does not tell

std::size_t columns_of(std::FILE* stream) {
    winsize size{};
    const bool known = ::ioctl(::fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
    return known ? size.ws_col : kColumns;
}

}  // namespace

void Progress::begin(std::string text) {
    end();
    if (::isatty(::fileno(stream_)) != 1) return;
    text_ = std::move(text);
    began_ = os::now();
    waiting_ = true;
    thread_ = std::thread([this] { run(); });
}

void Progress::update(std::string text) {
    const std::scoped_lock lock(mutex_);
    text_ = std::move(text);
}

void Progress::end() {
    if (!thread_.joinable()) return;
    {
        const std::scoped_lock lock(mutex_);
        waiting_ = false;
    }
    ended_.notify_one();
    thread_.join();
}

void Progress::hide() {
    const std::scoped_lock lock(mutex_);
    erase();
}

void Progress::run() {
    std::unique_lock lock(mutex_);
    while (!ended_.wait_for(lock, kPeriod, [this] { return !waiting_; })) show();
    erase();
}

void Progress::show() {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(os::now() - began_);
    auto line = fmt::format("{}, {} s", text_, seconds.count());
    // A line that wraps can't be taken away again.
    line.resize(std::min(line.size(), columns_of(stream_) - 1), ' ');
    erase();
    std::fwrite(line.data(), 1, line.size(), stream_);
    std::fflush(stream_);
    shown_ = line.size();
}

// Blanks, since not every terminal knows how to clear a line.
void Progress::erase() {
    if (shown_ == 0) return;
    const auto blanks = fmt::format("\r{:{}}\r", "", std::exchange(shown_, 0));
    std::fwrite(blanks.data(), 1, blanks.size(), stream_);
    std::fflush(stream_);
}

}  // namespace iscsi::iscsiadm

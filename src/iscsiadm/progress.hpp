// SPDX-License-Identifier: LGPL-2.1-or-later
// What a person at a terminal sees while a command waits: after a second, one line on standard
// error, rewritten each second, gone when the command goes on. Nothing where standard error is no
// terminal: scripts take whatever stands there for a failure.
#pragma once

#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>

#include "base/instant.hpp"

namespace iscsi::iscsiadm {

class Progress {
public:
    explicit Progress(std::FILE* stream) : stream_(stream) {}
    ~Progress() { end(); }
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    // "TEXT, 7 s" from now on, until end(). One wait at a time.
    void begin(std::string text);
    void update(std::string text);
    void end();
    // Takes the line away until the next second: something else is printed now.
    void hide();

private:
    void run();
    void show();   // under the lock
    void erase();  // under the lock

    std::FILE* stream_;
    std::thread thread_;
    std::mutex mutex_;
    std::condition_variable ended_;
    bool waiting_ = false;
    std::string text_;
    base::Instant began_;
    std::size_t shown_ = 0;  // columns of the line that stands there
};

}  // namespace iscsi::iscsiadm

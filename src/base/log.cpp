// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/log.hpp"

namespace iscsi::base {

namespace {

struct Sink {
    LogSink write;
    LogLevel most_verbose = LogLevel::Error;
};

Sink& sink() {
    static Sink instance;
    return instance;
}

}  // namespace

void set_log_sink(LogSink write, LogLevel most_verbose) {
    sink() = {std::move(write), most_verbose};
}

bool log_enabled(LogLevel level) { return sink().write && level <= sink().most_verbose; }

void log_text(LogLevel level, std::string_view text) { sink().write(level, text); }

}  // namespace iscsi::base

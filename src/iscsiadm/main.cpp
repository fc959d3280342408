// SPDX-License-Identifier: LGPL-2.1-or-later
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>
#include <variant>

#include "base/log.hpp"
#include "iscsiadm/app.hpp"
#include "iscsiadm/arguments.hpp"
#include "iscsiadm/complete.hpp"
#include "iscsiadm/options.hpp"
#include "iscsiadm/secret_values.hpp"

namespace iscsi::iscsiadm {

namespace {

constexpr rlim_t kDescriptors = 16384;  // one for each session in a large login
constexpr std::int32_t kChattyDebug = 1;

void on_interrupt(int) {
    constexpr std::string_view text = "iscsiadm: caught SIGINT, exiting...\n";
    (void)!::write(STDERR_FILENO, text.data(), text.size());
    ::_exit(1);
}

void prepare_process() {
    // Records and their directories are nobody else's business.
    ::umask(0077);
    struct sigaction action{};
    action.sa_handler = on_interrupt;
    ::sigaction(SIGINT, &action, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < kDescriptors) {
        limit.rlim_cur = limit.rlim_max < kDescriptors ? limit.rlim_max : kDescriptors;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
}

void log_to(Output& output, std::int32_t debug) {
    if (debug < kChattyDebug) return;
    base::set_log_sink(
        [&output](base::LogLevel, std::string_view text) { output.error_text(text); },
        base::LogLevel::Debug);
}

int run_mode(App& app) {
    if (const auto root = app.store().ensure_root(); !root) {
        app.out().error_text(root.error().message);
        return app.fail(base::ErrorCode::Database, "exiting due to idbm configuration error");
    }
    switch (app.command().mode) {
        case Mode::Discovery:
        case Mode::DiscoveryDb:
            return run_discovery_mode(app);
        case Mode::Node:
            return run_node_mode(app);
        case Mode::Session:
            return run_session_mode(app);
        case Mode::Iface:
            return run_iface_mode(app);
        case Mode::Host:
            return run_host_mode(app);
        case Mode::Firmware:
            return run_firmware_mode(app);
    }
    return status_of(base::ErrorCode::Internal);
}

int run(Command command, Output& output) {
    log_to(output, command.debug);
    const auto fetched = fetch_secret_values(command.assignments, stdin);
    App app(command, output, store::default_paths());
    int status = 0;
    if (!fetched) {
        status = app.fail(fetched.error());
    } else {
        status = command.kill_priority ? stop_daemon(app) : run_mode(app);
    }
    app.report().finish(status);
    return status;
}

struct Outcome {
    int status;
    bool only_told = true;  // nothing was done but what the result says
};

// A discovery is asked for its list, too.
bool only_tells(const Command& command) {
    const auto& ops = command.ops;
    const bool discovers = command.mode == Mode::Discovery || command.discover;
    const bool shows = ops.none() || ops.is(Op::Show) || discovers;
    return shows && !command.login && !command.logout && !command.rescan && !command.login_group &&
           !command.logout_group && !command.kill_priority;
}

// Also a fault of the command line is told in the form that was asked for.
Outcome read_and_run(std::span<const char* const> args, Output& output) {
    const bool json = has_option(args, options(), kJsonOption);
    const auto report = json ? json_report(output) : nullptr;
    auto parsed = parse(args, output);
    if (auto* command = std::get_if<Command>(&parsed)) {
        const bool only_told = only_tells(*command);
        return {run(std::move(*command), output), only_told};
    }
    const int status = std::get<Exit>(parsed).status;
    if (report && status != 0) report->finish(status);
    return {status};
}

// A list that was cut off must not pass for a whole one; but a login is one, whoever hears of it.
int end(Output& output, Outcome outcome) {
    const int lost = output.flush();
    if (lost == 0 || lost == EBADF) return outcome.status;  // EBADF: nobody wants to hear
    if (lost == EPIPE) {
        // Compat: who has read enough ends the program, without a word.
        ::signal(SIGPIPE, SIG_DFL);
        ::raise(SIGPIPE);
    }
    output.error("could not write the result: {}", std::strerror(lost));
    if (outcome.status != 0 || !outcome.only_told) return outcome.status;
    return status_of(base::ErrorCode::Generic);
}

}  // namespace

int stop_daemon(App& app) {
    const auto priority = app.command().kill_priority.value_or(0);
    // Compat: every way out of here is success.
    if (priority != 0) {
        app.out().error("Invalid iscsid priority {}. Priority must be 0.", priority);
        return 0;
    }
    const auto done = app.daemon().ask(control::Stop{}, WhenDown::LeaveIt, [](const auto&) {});
    const auto code = done ? done->code : done.error().code;
    if (code == base::ErrorCode::Success) return 0;
    if (!done) app.out().error_text(done.error().message);
    app.out().reported(code);
    app.out().error(
        "Could not stop iscsid. Trying sending iscsid SIGTERM or SIGKILL signals manually");
    return 0;
}

}  // namespace iscsi::iscsiadm

int main(int argc, char** argv) {
    using namespace iscsi::iscsiadm;
    prepare_process();
    Output output;
    const std::span<const char* const> args(argv, static_cast<std::size_t>(argc));
    if (args.size() > 1 && args[1] == kCompleteWord) {
        const Command command;
        App app(command, output, iscsi::store::default_paths());
        return run_completion(app, args.subspan(2));
    }
    return end(output, read_and_run(args, output));
}

// SPDX-License-Identifier: LGPL-2.1-or-later
// iscsi-userd: the data path of one session in user space. Started by iscsid, outlives it, and ends
// when the session is logged out.
#include <fmt/format.h>
#include <getopt.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "base/log.hpp"
#include "base/numbers.hpp"
#include "base/version.hpp"
#include "config.h"
#include "os/daemon.hpp"
#include "os/data_process.hpp"
#include "os/files.hpp"
#include "os/modules.hpp"
#include "os/unix_socket.hpp"
#include "userd/device_manager.hpp"
#include "userd/program_log.hpp"
#include "userd/session.hpp"
#include "userlink/messages.hpp"

namespace {

using namespace iscsi;

constexpr const char* kUsage =
    "Usage: iscsi-userd --sid ID [--run-dir DIR] [--foreground] [--debug]\n"
    "The data path of one iSCSI session in user space. iscsid starts and steers it through\n"
    "DIR/userd/ID.sock (DIR is " ISCSI_RUNDIR
    " by default).\n"
    "  -s, --sid ID        number of the session\n"
    "  -r, --run-dir DIR   directory of the socket\n"
    "  -f, --foreground    log to stderr, end the session on SIGTERM and SIGINT\n"
    "  -d, --debug         log more\n"
    "  -c, --clean         remove block devices that dead sessions left, and exit\n"
    "  -V, --version       print the version and exit\n"
    "  -h, --help          print this and exit\n";

constexpr int kUsageError = 7;

struct Options {
    std::optional<std::uint64_t> sid;
    std::string run_dir = ISCSI_RUNDIR;
    bool foreground = false;
    bool debug = false;
    bool clean = false;
};

// nullopt: exit with `status`.
std::optional<Options> parse_options(int argc, char** argv, int& status) {
    const option longs[] = {
        {"sid", required_argument, nullptr, 's'},  {"run-dir", required_argument, nullptr, 'r'},
        {"foreground", no_argument, nullptr, 'f'}, {"debug", no_argument, nullptr, 'd'},
        {"clean", no_argument, nullptr, 'c'},      {"version", no_argument, nullptr, 'V'},
        {"help", no_argument, nullptr, 'h'},       {}};
    Options options;
    status = EXIT_SUCCESS;
    for (int c = 0; (c = ::getopt_long(argc, argv, "s:r:fdcVh", longs, nullptr)) != -1;) {
        switch (c) {
            case 's':
                options.sid = base::parse_unsigned(optarg);
                break;
            case 'r':
                options.run_dir = optarg;
                break;
            case 'f':
                options.foreground = true;
                break;
            case 'd':
                options.debug = true;
                break;
            case 'c':
                options.clean = true;
                break;
            case 'V':
                fmt::print("iscsi-userd version {}\n", base::kVersion);
                return std::nullopt;
            case 'h':
                std::fputs(kUsage, stdout);
                return std::nullopt;
            default:
                std::fputs(kUsage, stderr);
                status = kUsageError;
                return std::nullopt;
        }
    }
    if (options.clean || options.sid) return options;
    std::fputs("iscsi-userd: --sid with a number is needed\n", stderr);
    status = kUsageError;
    return std::nullopt;
}

volatile bool signalled = false;

void set_signals(bool foreground) {
    struct sigaction action{};
    action.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &action, nullptr);
    // File systems may hang on this process: a shutdown that signals everybody must not end it
    // before they are unmounted. iscsiadm --logout does.
    if (foreground) {
        action.sa_handler = [](int) { signalled = true; };
    }
    for (const int number : {SIGHUP, SIGINT, SIGTERM}) ::sigaction(number, &action, nullptr);
}

std::string lock_path(std::uint64_t sid, const std::string& run_dir) {
    return fmt::format("{}/userd/{}.pid", run_dir, sid);
}

int fail(const base::Error& error) {
    fmt::print(stderr, "iscsi-userd: {}\n", error.message);
    base::log(base::LogLevel::Error, "{}", error.message);  // started by iscsid it has no stderr
    return static_cast<int>(error.code);
}

// Both are modules on most systems, and nobody else may have needed them yet.
void load_drivers() {
    for (const auto& [node, module] :
         {std::pair{"/dev/fuse", "fuse"}, std::pair{"/dev/loop-control", "loop"}}) {
        if (os::system_files().info(node)) continue;
        const auto loaded = os::load_module(module);
        if (!loaded) base::log(base::LogLevel::Error, "{}", loaded.error().message);
    }
}

int serve(const Options& options, os::PidFile& pid_file, userd::LogRelay& log) {
    const std::uint64_t sid = *options.sid;
    if (const auto written = pid_file.write_own_pid(); !written) return fail(written.error());
    load_drivers();
    userd::remove_leftovers();
    const std::string path = userlink::socket_path(options.run_dir, sid);
    auto listening = os::listen_unix(os::SocketKind::SeqPacket, {.name = path}, /*backlog=*/16);
    if (!listening) return fail(listening.error());
    auto session = userd::Session::create(sid, std::move(*listening));
    if (!session) return fail(session.error());
    if (!options.foreground) os::leave_terminal();
    log.set_target([&session](base::LogLevel level, std::string text) {
        (*session)->relay_log(level, std::move(text));
    });
    (*session)->run(signalled);
    log.set_target({});
    (void)os::system_files().unlink(path);  // the next one replaces it anyway
    (void)os::system_files().unlink(lock_path(sid, options.run_dir));  // numbers are not used again
    return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
    int status = EXIT_SUCCESS;
    const auto options = parse_options(argc, argv, status);
    if (!options) return status;
    const auto log = userd::start_log({.sid = options->sid.value_or(0),
                                       .to_stderr = options->foreground || options->clean,
                                       .debug = options->debug});
    if (options->clean) {
        userd::remove_leftovers();
        return EXIT_SUCCESS;
    }
    const std::string directory = options->run_dir + "/userd";
    if (const auto made = os::make_directories(os::system_files(), directory); !made) {
        return fail(os::fail_file(base::ErrorCode::Access, made.error(), directory).error());
    }
    auto pid_file = os::PidFile::acquire(lock_path(*options->sid, options->run_dir));
    if (!pid_file) return fail(pid_file.error());
    set_signals(options->foreground);
    // Compat: systemd spares processes whose command line starts with '@' when it ends all that
    // are left before the file systems are unmounted (its rule for storage daemons of the root).
    argv[0][0] = '@';
    return serve(*options, *pid_file, *log);
}

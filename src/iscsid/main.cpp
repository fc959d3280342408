// SPDX-License-Identifier: LGPL-2.1-or-later
// iscsid: logs in to targets, watches the sessions, logs out. See daemon.hpp for what it is made
// of; this file is about being a process.
#include <fmt/format.h>
#include <grp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>
#include <variant>

#include "base/log.hpp"
#include "config.h"
#include "control/messages.hpp"
#include "iscsid/daemon.hpp"
#include "iscsid/log_sink.hpp"
#include "iscsid/options.hpp"
#include "os/daemon.hpp"
#include "os/data_process.hpp"
#include "os/process.hpp"
#include "os/unix_socket.hpp"

namespace iscsi::iscsid {

namespace {

using base::LogLevel;

int complain(std::string_view text) {
    fmt::print(stderr, "iscsid: {}\n", text);
    return 1;
}

std::string socket_name() {
    const char* name = std::getenv(control::kSocketVariable);
    return name != nullptr && *name != '\0' ? name : std::string(control::kSocketName);
}

base::Result<os::Fd> listen(os::Fd inherited) {
    if (inherited) return inherited;
    constexpr int kBacklog = 512;  // a boot logs in to many targets at once
    const std::string name = socket_name();
    auto socket =
        os::listen_unix(os::SocketKind::Stream, {.name = name, .abstract = true}, kBacklog);
    if (socket) return socket;
    const auto owner = os::connect_unix(os::SocketKind::Stream, {.name = name, .abstract = true});
    if (owner) {
        const auto peer = os::peer_credentials(owner->get());
        return base::fail(base::ErrorCode::Busy,
                          "Can not bind IPC socket: process {} is listening on @{} already; end "
                          "it first (iscsiadm -k 0), or let it go on",
                          peer ? peer->pid : 0, name);
    }
    return std::unexpected(std::move(socket).error().within("Can not bind IPC socket"));
}

base::Status drop_ids(const Options& options) {
    if (options.gid && (::setgroups(0, nullptr) != 0 || ::setgid(*options.gid) != 0)) {
        return base::fail_errno(base::ErrorCode::Access, errno, "cannot change the group");
    }
    if (options.uid && ::setuid(*options.uid) != 0) {
        return base::fail_errno(base::ErrorCode::Access, errno, "cannot change the user");
    }
    return {};
}

// The pages behind a session's disk may wait for us: be there when memory is short. None of it is
// possible in every container, and a daemon without it is better than none.
void survive_memory_pressure() {
    ::setpriority(PRIO_PROCESS, 0, -10);
    for (const std::string& refused : os::protect_from_memory_pressure()) {
        // Containers refuse the rest as a rule, and can do without: the host's disks are not ours.
        const bool memory = refused.starts_with("cannot lock memory");
        base::log(memory ? LogLevel::Warning : LogLevel::Debug, "{}", refused);
    }
}

// One socket and descriptor or two for each session and client.
void raise_descriptor_limit() {
    constexpr rlim_t kDescriptors = 16384;
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    const rlimit more{.rlim_cur = std::max(limit.rlim_max, kDescriptors),
                      .rlim_max = std::max(limit.rlim_max, kDescriptors)};
    // Without the capability for more than the hard limit: up to that.
    if (::setrlimit(RLIMIT_NOFILE, &more) != 0) (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

int serve(const Options& options, os::Fd inherited, std::optional<os::Background> background) {
    // The socket first: where another iscsid has it, no pid file is made either.
    auto listening = listen(std::move(inherited));
    if (!listening) return complain(listening.error().message);
    auto pid_file = base::Result<os::PidFile>(os::PidFile());
    if (!options.pid_file.empty()) pid_file = os::PidFile::acquire(options.pid_file);
    if (!pid_file) return complain(pid_file.error().message);
    if (const auto written = pid_file->write_own_pid(); !written) {
        return complain(written.error().message);
    }
    if (const auto dropped = drop_ids(options); !dropped) return complain(dropped.error().message);
    if (options.foreground) {
        log_to_stderr(options.debug);
    } else {
        log_to_syslog(options.debug);
    }
    survive_memory_pressure();
    const auto served = run_daemon(
        {.paths = {.config_file = options.config_file,
                   .initiatorname_file = options.initiatorname_file},
         .rundir = ISCSI_RUNDIR,
         .relay_userd_log = options.foreground,
         .userd_program = os::find_helper(
             "iscsi-userd", "userd", {.sbindir = ISCSI_SBINDIR, .libexecdir = ISCSI_LIBEXECDIR}),
         .allowed_uid = 0,
         .stop_on_interrupt = options.foreground},
        std::move(*listening), [&background] {
            if (background) background->ready();
        });
    return served ? 0 : complain(served.error().message);
}

int run(int argc, char* argv[]) {
    auto parsed = parse_options(argc, argv);
    if (const auto* leave = std::get_if<Leave>(&parsed)) {
        std::fputs(leave->out.c_str(), stdout);
        std::fputs(leave->err.c_str(), stderr);
        return leave->status;
    }
    const auto& options = std::get<Options>(parsed);
    // Clients take whoever has the socket for the iscsid of this machine.
    if (::geteuid() != 0) return complain("must be run by root");
    ::umask(0077);
    raise_descriptor_limit();
    os::Fd inherited = os::inherited_socket();
    if (options.foreground) return serve(options, std::move(inherited), std::nullopt);
    auto background = os::Background::enter();
    if (!background) return complain(background.error().message);
    if (::chdir("/") != 0) return complain("cannot change to /");
    return serve(options, std::move(inherited), std::move(*background));
}

}  // namespace

}  // namespace iscsi::iscsid

int main(int argc, char* argv[]) { return iscsi::iscsid::run(argc, argv); }

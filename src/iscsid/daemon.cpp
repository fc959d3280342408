// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsid/daemon.hpp"

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <csignal>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "base/log.hpp"
#include "datapath/kernel/kernel_data_path.hpp"
#include "datapath/user/user_data_path.hpp"
#include "iscsid/control_server.hpp"
#include "iscsid/registry.hpp"
#include "iscsid/requests.hpp"
#include "iscsid/resolver.hpp"
#include "os/daemon.hpp"
#include "os/random.hpp"

namespace iscsi::iscsid {

using base::LogLevel;
namespace kernel = datapath::kernel;

namespace {

class Daemon {
public:
    Daemon(const DaemonOptions& options, os::Fd listening, const std::function<void()>& ready)
        : options_(options),
          listening_(std::move(listening)),
          ready_(ready),
          signals_(io_),
          resolver_(io_),
          around_{io_, resolver_, random_},
          user_path_(io_, {.rundir = options.rundir,
                           .program = options.userd_program,
                           .relay_log = options.relay_userd_log}),
          registry_(around_, user_path_,
                    [this](const std::string& transport) { return kernel_path(transport); }),
          requests_(registry_, {.stop = [this] { stop(); },
                                .config_file = options.paths.config_file,
                                .initiatorname_file = options.paths.initiatorname_file}) {}

    void run() {
        const auto work = asio::make_work_guard(io_);
        registry_.set_settings(load_settings(options_.paths));
        watch_signals();
        os::notify_service_manager("STATUS=Syncing existing session(s)");
        // Without the transport class there are no sessions in the kernel to be taken over.
        if (kernel::Sysfs().transport_class_version()) {
            if (const auto opened = open_kernel_path(); !opened) {
                base::log(LogLevel::Error, "{}", opened.error().message);
            }
        }
        registry_.adopt_running(user_path_, [this](std::size_t count) {
            if (!kernel_path_) return serve(count);
            registry_.adopt_running(*kernel_path_,
                                    [this, count](std::size_t more) { serve(count + more); });
        });
        io_.run();
        base::log(LogLevel::Info, "iscsid shutting down.");
    }

private:
    void serve(std::size_t adopted) {
        if (adopted > 0) base::log(LogLevel::Info, "{} sessions taken over", adopted);
        server_.emplace(io_, std::move(listening_), requests_,
                        ControlServer::Options{.allowed_uid = options_.allowed_uid});
        os::notify_service_manager("READY=1\nSTATUS=Ready to process requests");
        ready_();
    }

    // Modules may be loaded at any time, so the way to the kernel is opened when first needed.
    base::Status open_kernel_path() {
        if (kernel_path_) return {};
        ISCSI_TRY(kernel_path_, datapath::KernelDataPath::open(io_));
        registry_.listen_to(*kernel_path_);
        return {};
    }

    base::Result<datapath::DataPath*> kernel_path(const std::string& transport) {
        ISCSI_TRY_VOID(datapath::KernelDataPath::find_transport(transport));
        ISCSI_TRY_VOID(open_kernel_path());
        return kernel_path_.get();
    }

    void watch_signals() {
        for (const int signal : {SIGTERM, SIGHUP, SIGINT}) signals_.add(signal);
        std::signal(SIGPIPE, SIG_IGN);
        wait_for_signal();
    }

    void wait_for_signal() {
        signals_.async_wait([this](asio::error_code error, int signal) {
            if (error) return;
            on_signal(signal);
            wait_for_signal();
        });
    }

    void on_signal(int signal) {
        if (signal == SIGTERM || (signal == SIGINT && options_.stop_on_interrupt)) return stop();
        if (signal == SIGHUP) {
            base::log(LogLevel::Info, "reading {} again", options_.paths.config_file);
            registry_.set_settings(load_settings(options_.paths));
        }
    }

    // After what is ready to run now has run: the answer to the stop request is among it.
    void stop() {
        os::notify_service_manager("STOPPING=1");
        if (server_) server_->stop_accepting();
        asio::post(io_, [this] { asio::post(io_, [this] { io_.stop(); }); });
    }

    const DaemonOptions& options_;
    os::Fd listening_;
    const std::function<void()>& ready_;
    asio::io_context io_;
    asio::signal_set signals_;
    os::SystemRandom random_;
    Resolver resolver_;
    Surroundings around_;
    datapath::UserDataPath user_path_;
    std::unique_ptr<datapath::KernelDataPath> kernel_path_;  // none before it is needed
    Registry registry_;
    Requests requests_;
    std::optional<ControlServer> server_;
};

}  // namespace

base::Status run_daemon(const DaemonOptions& options, os::Fd listening,
                        const std::function<void()>& ready) try {
    Daemon daemon(options, std::move(listening), ready);
    daemon.run();
    return {};
} catch (const std::system_error& error) {  // asio's way to say it
    return base::fail(base::ErrorCode::Internal, "{}", error.what());
}

}  // namespace iscsi::iscsid

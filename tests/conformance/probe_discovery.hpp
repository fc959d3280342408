// SPDX-License-Identifier: LGPL-2.1-or-later
// A SendTargets run with the product's login and SendTargets engines on a sped-up clock. How often
// it is tried is what `iscsiadm -m discovery` does; the waits between are left out.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "os/fd.hpp"
#include "probe_options.hpp"
#include "session/send_targets.hpp"

namespace iscsi::conformance {

class ProbeDiscovery {
public:
    using Report = std::function<void(std::string_view json)>;

    ProbeDiscovery(const ProbeOptions& options, const FastClock& clock, Report report)
        : options_(options), clock_(clock), report_(std::move(report)) {}

    void run();

private:
    struct Failure {
        base::ErrorCode code = base::ErrorCode::PduTimeout;
        bool retryable = true;
        std::string text;
    };
    template <class Value>
    using Attempt = std::expected<Value, Failure>;

    Attempt<session::SendTargetsAnswer> attempt();
    Attempt<os::Fd> connected(const session::TargetPortal& portal);
    Attempt<session::LoggedIn> login(const os::Fd& socket, session::TargetPortal& portal);
    template <class Engine>
    Attempt<void> pump(Engine& engine, const os::Fd& socket);
    template <class Engine>
    Attempt<void> exchange(Engine& engine, const os::Fd& socket);
    void print(const session::SendTargetsAnswer& answer);

    const ProbeOptions& options_;
    const FastClock& clock_;
    Report report_;
};

}  // namespace iscsi::conformance

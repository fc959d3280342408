// SPDX-License-Identifier: LGPL-2.1-or-later
// Carries out what iscsiadm asks for.
#pragma once

#include <functional>
#include <memory>

#include "control/messages.hpp"
#include "iscsid/registry.hpp"

namespace iscsi::iscsid {

// Where a request's answers go. It outlives its connection: answers to a client that has left are
// dropped, the work goes on.
class Answers {
public:
    virtual ~Answers() = default;
    // The last one is a Done; nothing may follow it.
    virtual void send(const control::Answer& answer) = 0;
};

class Requests {
public:
    struct Host {
        std::function<void()> stop;  // ends iscsid, sessions stay
        std::string config_file;
        std::string initiatorname_file;
    };
    Requests(Registry& registry, Host host) : registry_(registry), host_(std::move(host)) {}

    // Owners of `answers`: the connection and every part of the request that is not done yet.
    void carry_out(control::Request request, std::shared_ptr<Answers> answers);

private:
    class Batch;

    void run(const control::Login& login, const std::shared_ptr<Answers>& answers);
    void run(const control::Logout& logout, const std::shared_ptr<Answers>& answers);
    void run(const control::ListSessions& list, const std::shared_ptr<Answers>& answers);
    void run(const control::GetStats& stats, const std::shared_ptr<Answers>& answers);
    void run(const control::Rescan& rescan, const std::shared_ptr<Answers>& answers);
    void run(const control::GetInfo& info, const std::shared_ptr<Answers>& answers);
    void run(const control::Stop& stop, const std::shared_ptr<Answers>& answers);

    Registry& registry_;
    Host host_;
};

}  // namespace iscsi::iscsid

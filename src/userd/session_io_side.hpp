// SPDX-License-Identifier: LGPL-2.1-or-later
// The set-up thread's way into the session's I/O thread. Private to Session.
#pragma once

#include <latch>

#include "userd/session.hpp"

namespace iscsi::userd {

class Session::IoSideImpl final : public IoSide {
public:
    explicit IoSideImpl(Session& session) : session_(session) {}

    Reply execute(const Command& command) override {
        Reply reply;
        std::latch done(1);
        session_.queue_.post([&] {
            session_.execute_raw(command, [&](const Reply& answer) {
                reply = answer;
                done.count_down();
            });
        });
        done.wait();
        return reply;
    }

    void publish(std::uint32_t index, const Volume& volume, const ExportFile& file) override {
        session_.queue_.call_and_wait([&] {
            session_.initiator_->scheduler().set_volume(index, volume);
            session_.fuse_->set_file(index, file);
        });
    }

    void withdraw(std::uint32_t index) override {
        session_.queue_.call_and_wait([&] {
            session_.fuse_->set_file(index, {});
            session_.initiator_->scheduler().withdraw_volume(index);
            session_.initiator_->pump(session_.now_);
        });
    }

    void publish_status(const std::vector<userlink::LunStatus>& luns) override {
        session_.queue_.call_and_wait([&] { session_.luns_ = luns; });
    }

    base::Result<os::Fd> open_file(const std::string& name) override {
        return session_.fuse_->open_file(name);
    }

private:
    Session& session_;
};

}  // namespace iscsi::userd

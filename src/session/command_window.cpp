// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/command_window.hpp"

#include "base/check.hpp"

namespace iscsi::session {

proto::CmdSn CommandWindow::take() {
    CHECK(is_open());
    const auto taken = cmd_sn_;
    cmd_sn_ = cmd_sn_.next();
    return taken;
}

std::expected<void, ProtocolError> CommandWindow::update(proto::CmdSn exp_cmd_sn,
                                                         proto::CmdSn max_cmd_sn) {
    if (max_cmd_sn.precedes(exp_cmd_sn.plus(0xffff'ffff))) return {};
    if (cmd_sn_.precedes(exp_cmd_sn)) {
        return std::unexpected(
            ProtocolError{Violation::ExpCmdSnBeyondCmdSn, exp_cmd_sn.value, cmd_sn_.value});
    }
    if (max_cmd_sn_.precedes(max_cmd_sn)) max_cmd_sn_ = max_cmd_sn;
    if (exp_cmd_sn_.precedes(exp_cmd_sn)) exp_cmd_sn_ = exp_cmd_sn;
    return {};
}

}  // namespace iscsi::session

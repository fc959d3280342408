// SPDX-License-Identifier: LGPL-2.1-or-later
// How many commands the target is ready to take (RFC 7143 section 4.2.2.1): CmdSN numbers commands,
// ExpCmdSN acknowledges them, MaxCmdSN limits them. One per session.
#pragma once

#include <expected>

#include "proto/types.hpp"
#include "session/protocol_error.hpp"

namespace iscsi::session {

class CommandWindow {
public:
    CommandWindow(proto::CmdSn cmd_sn, proto::CmdSn exp_cmd_sn, proto::CmdSn max_cmd_sn)
        : cmd_sn_(cmd_sn), exp_cmd_sn_(exp_cmd_sn), max_cmd_sn_(max_cmd_sn) {}

    // A non-immediate command may be sent.
    bool is_open() const { return cmd_sn_.precedes_or_is(max_cmd_sn_); }
    // For an immediate command: it carries the next number without using it up.
    proto::CmdSn cmd_sn() const { return cmd_sn_; }
    // For a non-immediate command; only while the window is open.
    proto::CmdSn take();

    // ExpCmdSN and MaxCmdSN of a PDU. Old values are ignored, as is a pair that contradicts itself
    // (MaxCmdSN < ExpCmdSN - 1); an ExpCmdSN for commands we never sent is a violation.
    std::expected<void, ProtocolError> update(proto::CmdSn exp_cmd_sn, proto::CmdSn max_cmd_sn);

    proto::CmdSn exp_cmd_sn() const { return exp_cmd_sn_; }
    proto::CmdSn max_cmd_sn() const { return max_cmd_sn_; }

private:
    proto::CmdSn cmd_sn_;      // of the next command
    proto::CmdSn exp_cmd_sn_;  // all before it have arrived
    proto::CmdSn max_cmd_sn_;  // the last that may be sent
};

}  // namespace iscsi::session

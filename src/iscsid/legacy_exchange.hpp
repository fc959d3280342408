// SPDX-License-Identifier: LGPL-2.1-or-later
// A fixed-size request of open-iscsi's own iscsiadm, carried out as a request of ours: what it asks
// for in our words, and our answers in its words. One reply, when everything is done.
#pragma once

#include <functional>
#include <optional>
#include <variant>

#include "base/error.hpp"
#include "control/legacy.hpp"
#include "control/messages.hpp"

namespace iscsi::iscsid {

// The request in our words; or the code to reply with at once, for what nobody carries out.
// `host_exists`: whether there is a SCSI host of that number.
std::variant<control::Request, base::ErrorCode> translate(
    const control::legacy::Request& request, const std::function<bool(std::uint32_t)>& host_exists);

// Turns the answers to a translated request into its one reply.
class LegacyReply {
public:
    explicit LegacyReply(control::legacy::Command command) { reply_.command = command; }

    // The reply after the last answer, which is a Done.
    std::optional<control::legacy::ReplyBytes> take(const control::Answer& answer);

private:
    void take(const control::ItemDone& item);
    void take(const control::Notice& /*notice*/) {}
    void take(const control::DaemonInfo& info);
    void take(const control::SessionInfo& info);
    void take(const control::StatsInfo& stats);
    void take(const control::Done& done);

    control::legacy::Reply reply_;
    bool found_ = false;  // a session or its numbers have been told
};

// A reply of nothing but a code.
control::legacy::ReplyBytes legacy_error(control::legacy::Command command, base::ErrorCode code);

}  // namespace iscsi::iscsid

// SPDX-License-Identifier: LGPL-2.1-or-later
// From iscsid's words to the engines'. Private to userd.
#pragma once

#include "session/full_feature.hpp"
#include "userd/initiator.hpp"
#include "userlink/types.hpp"

namespace iscsi::userd {

Initiator::Config to_initiator_config(const userlink::SessionConfig& config);
session::LoggedIn to_logged_in(const userlink::Binding& binding);
userlink::Stats to_stats(const session::SessionStats& stats);

}  // namespace iscsi::userd

// SPDX-License-Identifier: LGPL-2.1-or-later
// CHAP settings (RFC 7143 section 12.1.3), the same for sessions and for SendTargets discovery.
#pragma once

#include <string>

#include "base/secret.hpp"
#include "record/words.hpp"

namespace iscsi::record {

struct Auth {
    AuthMethod authmethod = AuthMethod::None;
    std::string username;     // we prove to be this one ...
    base::Secret password;    // ... by knowing this
    std::string username_in;  // the target proves to be this one (mutual CHAP) ...
    base::Secret password_in;
    ChapAlgorithms chap_algs = {ChapAlgorithm::Md5};

    bool operator==(const Auth&) const = default;
};

}  // namespace iscsi::record

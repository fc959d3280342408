// SPDX-License-Identifier: LGPL-2.1-or-later
// An entry of an offload adapter's CHAP table (host.auth.*), shown and changed by
// `iscsiadm -m host -C chap`.
#pragma once

#include <cstdint>
#include <string>

#include "base/secret.hpp"
#include "record/iface.hpp"

namespace iscsi::record {

struct HostChap {
    std::uint16_t tbl_idx = 0;
    std::string username;
    base::Secret password;
    std::string username_in;
    base::Secret password_in;
    UnknownKeys unknown;

    bool operator==(const HostChap&) const = default;
};

}  // namespace iscsi::record

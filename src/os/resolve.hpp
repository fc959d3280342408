// SPDX-License-Identifier: LGPL-2.1-or-later
// Host names and addresses. May ask the resolver, and then may take its time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace iscsi::os {

// The numeric addresses of a host, in the resolver's order of preference; IPv6 without brackets,
// with its zone where it has one. Error (Transport), as open-iscsi words it: "Cannot resolve host
// X. getaddrinfo error: [...]".
base::Result<std::vector<std::string>> resolve(std::string_view host);

// Do two texts name one address? Equal texts do; so do a name and what it resolves to, and two ways
// to write one address. A text that cannot be resolved is only equal to itself.
bool same_address(std::string_view a, std::string_view b);

}  // namespace iscsi::os

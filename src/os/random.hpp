// SPDX-License-Identifier: LGPL-2.1-or-later
// The kernel's cryptographically secure random numbers.
#pragma once

#include "base/random.hpp"

namespace iscsi::os {

class SystemRandom final : public base::Random {
public:
    void fill(base::ByteSpan out) override;
};

}  // namespace iscsi::os

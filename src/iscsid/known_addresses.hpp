// SPDX-License-Identifier: LGPL-2.1-or-later
// What a session's portals are by number, where their records (or a redirect) give names. A session
// that has reached its target once gets back to it without the name service: that may be out of
// reach together with the target, or read its own files from the very disk that hangs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/instant.hpp"
#include "iscsid/resolver.hpp"

namespace iscsi::iscsid {

// A target may have moved: when its addresses have failed for this long its name is looked up once
// more, beside the attempts and not before them.
inline constexpr std::chrono::seconds kLookUpAgainAfter{30};
// Names that are remembered, the latest: a target may redirect to any number of them.
inline constexpr std::size_t kKnownNamesMax = 4;

class KnownAddresses {
public:
    // Nullopt: the name has to be looked up. A number stands for itself.
    std::optional<Addresses> find(const std::string& host) const;
    void learn(const std::string& host, Addresses addresses);
    // This one answers: the next attempt begins with it.
    void prefer(const std::string& host, const asio::ip::address& address);

    // An attempt with known addresses begins: true once they have failed long enough, then again
    // after as long.
    [[nodiscard]] bool look_up_again(const std::string& host, base::Instant now);
    void logged_in() { failing_since_.reset(); }

private:
    struct Entry {
        std::string host;
        Addresses addresses;  // at least one
    };
    const Entry* entry(const std::string& host) const;

    std::vector<Entry> entries_;  // the latest last
    std::optional<base::Instant> failing_since_;
};

}  // namespace iscsi::iscsid

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsid/known_addresses.hpp"

#include <algorithm>
#include <utility>

namespace iscsi::iscsid {

const KnownAddresses::Entry* KnownAddresses::entry(const std::string& host) const {
    const auto found = std::ranges::find(entries_, host, &Entry::host);
    return found == entries_.end() ? nullptr : &*found;
}

std::optional<Addresses> KnownAddresses::find(const std::string& host) const {
    if (const auto number = numeric_address(host)) return Addresses{*number};
    if (const Entry* known = entry(host)) return known->addresses;
    return std::nullopt;
}

void KnownAddresses::learn(const std::string& host, Addresses addresses) {
    if (addresses.empty() || numeric_address(host)) return;
    std::erase_if(entries_, [&](const Entry& each) { return each.host == host; });
    if (entries_.size() == kKnownNamesMax) entries_.erase(entries_.begin());
    entries_.push_back({host, std::move(addresses)});
}

void KnownAddresses::prefer(const std::string& host, const asio::ip::address& address) {
    const Entry* known = entry(host);
    if (known == nullptr) return;
    Addresses addresses = known->addresses;
    const auto found = std::ranges::find(addresses, address);
    if (found == addresses.end()) return;
    std::rotate(addresses.begin(), found, found + 1);
    learn(host, std::move(addresses));
}

bool KnownAddresses::look_up_again(const std::string& host, base::Instant now) {
    if (numeric_address(host)) return false;
    if (!failing_since_) failing_since_ = now;
    if (now - *failing_since_ < kLookUpAgainAfter) return false;
    failing_since_ = now;
    return true;
}

}  // namespace iscsi::iscsid

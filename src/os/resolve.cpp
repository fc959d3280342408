// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/resolve.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>

namespace iscsi::os {

namespace {

struct FreeAddresses {
    void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

// A text that is an address already never reaches the resolver.
int look_up(const std::string& host, int flags, Addresses& found) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags;
    addrinfo* list = nullptr;
    const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
    found.reset(list);
    return error;
}

std::string numeric(const addrinfo& address) {
    std::array<char, NI_MAXHOST> text{};
    const int error = ::getnameinfo(address.ai_addr, address.ai_addrlen, text.data(), text.size(),
                                    nullptr, 0, NI_NUMERICHOST);
    return error == 0 ? std::string(text.data()) : std::string();
}

bool is_numeric(std::string_view text) {
    Addresses found;
    return look_up(std::string(text), AI_NUMERICHOST, found) == 0;
}

}  // namespace

base::Result<std::vector<std::string>> resolve(std::string_view host) {
    const std::string name(host);
    Addresses found;
    const int error = look_up(name, 0, found);
    if (error != 0) {
        return base::fail(base::ErrorCode::Transport,
                          "Cannot resolve host {}. getaddrinfo error: [{}]", name,
                          ::gai_strerror(error));
    }
    std::vector<std::string> addresses;
    for (const addrinfo* each = found.get(); each; each = each->ai_next) {
        auto text = numeric(*each);
        if (text.empty() || std::ranges::find(addresses, text) != addresses.end()) continue;
        addresses.push_back(std::move(text));
    }
    return addresses;
}

bool same_address(std::string_view a, std::string_view b) {
    if (a == b) return true;
    if (a.empty() || b.empty()) return false;
    // Different IPv4 addresses are different; only a name, or IPv6's many spellings, can surprise.
    const bool both_v4 = a.find(':') == a.npos && b.find(':') == b.npos;
    if (both_v4 && is_numeric(a) && is_numeric(b)) return false;
    const auto of_a = resolve(a);
    const auto of_b = resolve(b);
    if (!of_a || !of_b) return false;
    return std::ranges::any_of(*of_a, [&](const std::string& address) {
        return std::ranges::find(*of_b, address) != of_b->end();
    });
}

}  // namespace iscsi::os

// SPDX-License-Identifier: LGPL-2.1-or-later
// `iscsiadm --complete WORD...`: what the last word of a command line may become, one a line. For
// shells (dist/bash-completion); not an option, and not in the manual. The words come without the
// program's name. Reads the database and asks a running iscsid; starts nothing, changes nothing,
// says nothing of what fails.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "iscsiadm/app.hpp"

namespace iscsi::iscsiadm {

inline constexpr std::string_view kCompleteWord = "--complete";

// What of the live state completion wants to know; a seam for tests.
class LiveState {
public:
    virtual ~LiveState() = default;
    virtual std::vector<std::string> targets() = 0;
    // Of one target, or of all.
    virtual std::vector<std::string> portals(const std::optional<std::string>& target) = 0;
    virtual std::vector<std::string> discovery_portals() = 0;
    virtual std::vector<std::string> ifaces() = 0;
    virtual std::vector<std::string> session_ids() = 0;
    virtual std::vector<std::string> hosts() = 0;
};

// Sorted, without repeats.
std::vector<std::string> complete(std::span<const char* const> words, LiveState& state);

int run_completion(App& app, std::span<const char* const> words);

}  // namespace iscsi::iscsiadm

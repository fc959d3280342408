// SPDX-License-Identifier: LGPL-2.1-or-later
// Puts a fixed-size request together from the pieces in which it arrives, and finds out which
// release has sent it. Nothing in it tells: the sender stops after one of three sizes and waits. So
// a request of the shortest size may be a whole one or the start of a longer one, and only silence
// or the end of the stream can say which. Where the size does not matter, nobody waits for that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "control/legacy.hpp"

namespace iscsi::control::legacy {

// What never begins a fixed-size request: they begin with a small number, JSON with its brace.
inline bool may_begin_request(std::byte first) { return first < std::byte{0x20}; }

class RequestReader {
public:
    enum class Progress : std::uint8_t {
        Incomplete,
        MaybeComplete,  // complete if nothing more comes
        Complete,       // what comes next is not looked at
    };

    // Takes the next bytes. Keeps at most the longest request and its payload.
    Progress take(base::ConstByteSpan bytes);
    Progress progress() const { return progress_; }
    std::size_t buffered() const { return bytes_.size(); }

    // The request, once complete, or when nothing more has come. Error InvalidRequest for one that
    // is cut short or has no size that is known; those of decode_request().
    base::Result<Request> finish() const;

    // The request's first word, 0 before it is there: an answer echoes it.
    Command command() const;

private:
    Progress judge() const;
    std::size_t payload_length() const;

    std::vector<std::byte> bytes_;
    bool overlong_ = false;
    Progress progress_ = Progress::Incomplete;
};

}  // namespace iscsi::control::legacy

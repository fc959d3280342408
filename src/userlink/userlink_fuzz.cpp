// SPDX-License-Identifier: LGPL-2.1-or-later
// Any text on the socket between iscsid and iscsi-userd: refused, or it stays what it is.
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/check.hpp"
#include "userlink/messages.hpp"

using namespace iscsi;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const auto text = base::as_text(std::as_bytes(std::span(bytes, size)));
    if (const auto request = userlink::decode_request(text)) {
        CHECK(userlink::request_id(text) == request->id);
        const auto once = userlink::encode(*request);
        const auto again = userlink::decode_request(once);
        CHECK(again.has_value() && userlink::encode(*again) == once);
    }
    if (const auto message = userlink::decode_from_userd(text)) {
        const auto encode = [](const auto& m) { return userlink::encode(m); };
        const auto once = std::visit(encode, *message);
        const auto again = userlink::decode_from_userd(once);
        CHECK(again.has_value() && std::visit(encode, *again) == once);
    }
    return 0;
}

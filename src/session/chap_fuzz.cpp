// SPDX-License-Identifier: LGPL-2.1-or-later
// A target's side of CHAP made of anything: a text of challenge keys, a text of proof keys, parted
// by a line feed. A target that does not know the secret never passes.
#include <algorithm>
#include <cstdint>
#include <span>

#include "base/check.hpp"
#include "session/chap.hpp"

using namespace iscsi;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = base::as_text(std::as_bytes(std::span(data, size)));
    const auto middle = std::min(text.find('\n'), text.size());
    const auto challenge = proto::parse_text(text.substr(0, middle));
    const auto proof = proto::parse_text(text.substr(std::min(middle + 1, text.size())));
    if (!challenge) return 0;

    record::Auth auth;
    auth.username = "joe";
    auth.password = base::Secret("initiator secret");
    auth.username_in = "target";
    auth.password_in = base::Secret("target secret 12");
    auth.chap_algs = {record::ChapAlgorithm::Md5, record::ChapAlgorithm::Sha1,
                      record::ChapAlgorithm::Sha256, record::ChapAlgorithm::Sha3_256};
    base::SeededRandom random(1);
    session::Chap chap(auth, session::nettle_digests(), random);
    const auto answer = chap.on_challenge(*challenge);
    if (!answer) {
        CHECK(!session::chap_error_text(answer.error().error).empty());
        return 0;
    }
    CHECK(answer->size() == 4);
    for (const auto& pair : *answer) {
        CHECK(pair.value.find("secret") == std::string::npos);
        if (pair.key == "CHAP_R") CHECK(proto::parse_text_binary(pair.value, 32).has_value());
    }
    if (proof) CHECK(!chap.on_proof(*proof).has_value());
    return 0;
}

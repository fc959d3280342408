// SPDX-License-Identifier: LGPL-2.1-or-later
// CHAP's hash functions by Nettle: a small library, for every run of iscsiadm loads it.
#include <nettle/nettle-meta.h>
#include <nettle/nettle-types.h>
#include <nettle/sha3.h>

#include <cstddef>
#include <cstring>

#include "session/chap.hpp"

namespace iscsi::session {

namespace {

using record::ChapAlgorithm;

const nettle_hash& function_of(ChapAlgorithm algorithm) {
    switch (algorithm) {
        case ChapAlgorithm::Md5:
            return nettle_md5;
        case ChapAlgorithm::Sha1:
            return nettle_sha1;
        case ChapAlgorithm::Sha256:
            return nettle_sha256;
        case ChapAlgorithm::Sha3_256:
            return nettle_sha3_256;
    }
    CHECK(false);
}

std::uint8_t* as_octets(std::byte* bytes) {
    return static_cast<std::uint8_t*>(static_cast<void*>(bytes));
}
const std::uint8_t* as_octets(const std::byte* bytes) {
    return static_cast<const std::uint8_t*>(static_cast<const void*>(bytes));
}

// A part may be a secret, and the last block that was hashed lies in the context.
void wipe(std::vector<std::byte>& bytes) { ::explicit_bzero(bytes.data(), bytes.size()); }

class NettleDigests final : public ChapDigests {
public:
    bool available(ChapAlgorithm) const override { return true; }

    std::vector<std::byte> hash(ChapAlgorithm algorithm,
                                const std::vector<base::ConstByteSpan>& parts) const override {
        const nettle_hash& function = function_of(algorithm);
        // operator new aligns for every fundamental type, which is all that a context has.
        std::vector<std::byte> context(function.context_size);
        function.init(context.data());
        for (const auto part : parts) {
            function.update(context.data(), part.size(), as_octets(part.data()));
        }
        std::vector<std::byte> digest(chap_response_bytes(algorithm));
        CHECK(function.digest_size == digest.size());
        function.digest(context.data(), digest.size(), as_octets(digest.data()));
        wipe(context);
        return digest;
    }
};

}  // namespace

const ChapDigests& nettle_digests() {
    static const NettleDigests digests;
    return digests;
}

}  // namespace iscsi::session

// SPDX-License-Identifier: LGPL-2.1-or-later
// CHAP's hash functions by OpenSSL's libcrypto.
#include <openssl/evp.h>

#include <memory>

#include "session/chap.hpp"

namespace iscsi::session {

namespace {

using record::ChapAlgorithm;

struct FreeContext {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

const EVP_MD* message_digest(ChapAlgorithm algorithm) {
    switch (algorithm) {
        case ChapAlgorithm::Md5:
            return EVP_md5();
        case ChapAlgorithm::Sha1:
            return EVP_sha1();
        case ChapAlgorithm::Sha256:
            return EVP_sha256();
        case ChapAlgorithm::Sha3_256:
            return EVP_sha3_256();
    }
    return nullptr;
}

class LibcryptoDigests final : public ChapDigests {
public:
    // Only an attempt tells: under a FIPS policy MD5 has a name, but cannot be started.
    bool available(ChapAlgorithm algorithm) const override {
        const Context context(EVP_MD_CTX_new());
        return context && EVP_DigestInit_ex(context.get(), message_digest(algorithm), nullptr) == 1;
    }

    std::vector<std::byte> hash(ChapAlgorithm algorithm,
                                const std::vector<base::ConstByteSpan>& parts) const override {
        const Context context(EVP_MD_CTX_new());
        CHECK(context && EVP_DigestInit_ex(context.get(), message_digest(algorithm), nullptr) == 1);
        for (const auto part : parts) {
            CHECK(EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1);
        }
        std::vector<std::byte> digest(chap_response_bytes(algorithm));
        CHECK(EVP_MD_CTX_get_size(context.get()) == static_cast<int>(digest.size()));
        auto* out = static_cast<unsigned char*>(static_cast<void*>(digest.data()));
        CHECK(EVP_DigestFinal_ex(context.get(), out, nullptr) == 1);
        return digest;
    }
};

}  // namespace

const ChapDigests& libcrypto_digests() {
    static const LibcryptoDigests digests;
    return digests;
}

}  // namespace iscsi::session

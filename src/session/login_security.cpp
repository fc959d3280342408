// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/login_impl.hpp"

namespace iscsi::session {

using base::Instant;

void LoginEngine::Impl::on_security(const std::vector<proto::TextPair>& keys, bool transit,
                                    Instant now) {
    switch (step_) {
        case LoginStep::AuthMethod:
            return on_auth_method(keys, transit, now);
        case LoginStep::ChapList:
            return on_challenge(keys, now);
        case LoginStep::ChapProof:
            return on_proof(keys, transit, now);
        case LoginStep::SecurityEnd:
            if (!keys.empty()) return fail_chap({ChapErrc::UnexpectedKey, {}});
            return leave_security(transit, now);
        case LoginStep::Operational:
        case LoginStep::Done:
            break;
    }
    CHECK(false);
}

void LoginEngine::Impl::on_auth_method(const std::vector<proto::TextPair>& keys, bool transit,
                                       Instant now) {
    if (keys.empty()) return fail_chap({ChapErrc::MethodBad, {}});
    if (keys.size() != 1 || keys[0].key != "AuthMethod") {
        return fail_chap({ChapErrc::UnexpectedKey, {}});
    }
    const std::string_view method = keys[0].value;
    if (method == "Reject") return fail_chap({ChapErrc::MethodFailed, {}});
    if (method == "None") {
        if (chap_.mutual()) return fail_chap({ChapErrc::MethodNone, {}});
        return leave_security(transit, now);
    }
    if (method != "CHAP") return fail_chap({ChapErrc::MethodBad, {}});
    if (transit) return fail_chap({ChapErrc::TransitBitBad, {}});
    out_.add("CHAP_A", chap_.algorithms());
    request(LoginStep::ChapList, /*transit=*/false, now);
}

void LoginEngine::Impl::on_challenge(const std::vector<proto::TextPair>& keys, Instant now) {
    const auto answer = chap_.on_challenge(keys);
    if (!answer) return fail_chap(answer.error());
    for (const auto& [key, value] : *answer) add(key, value);
    request(LoginStep::ChapProof, /*transit=*/true, now);
}

void LoginEngine::Impl::on_proof(const std::vector<proto::TextPair>& keys, bool transit,
                                 Instant now) {
    if (chap_.mutual()) {
        const auto proven = chap_.on_proof(keys);
        if (!proven) return fail_chap(proven.error());
    } else if (!keys.empty()) {
        return fail_chap({ChapErrc::UnexpectedKey, {}});
    }
    leave_security(transit, now);
}

void LoginEngine::Impl::leave_security(bool transit, Instant now) {
    if (transit) return start_operational(now);
    negotiation_.write_answers(out_);
    request(LoginStep::SecurityEnd, /*transit=*/true, now);
}

}  // namespace iscsi::session

// SPDX-License-Identifier: LGPL-2.1-or-later
#include <utility>

#include "session/login_impl.hpp"
#include "session/target_address.hpp"

namespace iscsi::session {

using base::Instant;

namespace {

LoginFailed rejected(const proto::LoginResponse& response, std::string text) {
    return {.status = LoginStatus::Failed,
            .retryable = false,
            .code = base::ErrorCode::FatalLogin,
            .status_class = response.status_class,
            .status_detail = response.status_detail,
            .text = std::move(text)};
}

// Section 11.13.5; which of them are worth another attempt is open-iscsi's judgement.
LoginFailed by_initiator_error(const proto::LoginResponse& response) {
    auto failed = rejected(response, {});
    switch (response.status_detail) {
        case 0x01:
            failed.code = base::ErrorCode::LoginAuthFailed;
            failed.text = "login rejected: Initiator failed authentication with target";
            break;
        case 0x02:
            failed.code = base::ErrorCode::LoginAuthFailed;
            failed.text = "login rejected: initiator failed authorization with target";
            break;
        case 0x03:
            failed.text = "login rejected: initiator error - target not found (02/03)";
            break;
        case 0x05:
            failed.text = "login rejected: incompatible version (02/05), non-retryable, giving up";
            break;
        default:
            failed.text =
                fmt::format("login rejected: initiator error (02/{:02x})", response.status_detail);
            break;
    }
    return failed;
}

}  // namespace

void LoginEngine::Impl::on_status(const proto::LoginResponse& response) {
    const auto status = static_cast<proto::LoginStatusClass>(response.status_class);
    if (status == proto::LoginStatusClass::Redirection) return on_redirect(response);
    if (status == proto::LoginStatusClass::InitiatorError) {
        auto failed = by_initiator_error(response);
        if (response.status_detail == 0x01) {
            notice(base::LogLevel::Error,
                   fmt::format("Login failed to authenticate with target {}", config_.target_name));
        }
        return finish(std::move(failed));
    }
    if (status != proto::LoginStatusClass::TargetError) {
        return finish(rejected(
            response, fmt::format("login response with unknown status class 0x{:x}, detail 0x{:x}",
                                  response.status_class, response.status_detail)));
    }
    auto failed = rejected(
        response, fmt::format("login rejected: target error (03/{:02x})", response.status_detail));
    failed.retryable = true;
    failed.code = base::ErrorCode::Login;
    finish(std::move(failed));
}

void LoginEngine::Impl::on_redirect(const proto::LoginResponse& response) {
    constexpr std::uint8_t kTemporarily = 1;
    constexpr std::uint8_t kPermanently = 2;
    auto failed = rejected(response, {});
    failed.status = LoginStatus::RedirectionFailed;
    failed.retryable = true;
    failed.code = base::ErrorCode::Login;
    if (response.status_detail != kTemporarily && response.status_detail != kPermanently) {
        failed.text = fmt::format("login rejected: redirection type 0x{:x} not supported",
                                  response.status_detail);
        return finish(std::move(failed));
    }
    (void)in_.append(reader_.data());  // a text too long has no readable end
    const auto keys = in_.take();
    std::optional<TargetAddress> address;
    for (const auto& pair : keys.value_or(std::vector<proto::TextPair>{})) {
        if (pair.key != "TargetAddress") continue;
        address = parse_target_address(pair.value);
        failed.text = fmt::format("login redirected to {}, which is no address",
                                  proto::printable(pair.value));
    }
    if (!address) {
        if (failed.text.empty()) failed.text = "login redirected without an address";
        return finish(std::move(failed));
    }
    finish(Redirect{.address = address->address,
                    .port = address->port,
                    .target_portal_group_tag = address->target_portal_group_tag,
                    .permanent = response.status_detail == kPermanently});
}

Instant LoginEngine::Impl::deadline() const {
    if (done()) return base::kNever;
    return base::earlier(response_deadline_, config_.login_deadline);
}

void LoginEngine::Impl::on_deadline(Instant now) {
    if (done() || now < deadline()) return;
    finish(LoginFailed{.status = LoginStatus::IoError,
                       .retryable = true,
                       .code = base::ErrorCode::PduTimeout,
                       .text = "login response timed out"});
}

std::optional<LoginEngine::Event> LoginEngine::Impl::next_event() {
    if (events_.empty()) return std::nullopt;
    auto event = std::move(events_.front());
    events_.pop_front();
    return event;
}

void LoginEngine::Impl::finish(Event event) {
    if (done()) return;
    step_ = LoginStep::Done;
    events_.push_back(std::move(event));
}

void LoginEngine::Impl::fail(LoginStatus status, std::string text) {
    finish(LoginFailed{.status = status, .text = std::move(text)});
}

void LoginEngine::Impl::fail_pdu(std::string_view why) {
    fail(LoginStatus::InvalidPdu, fmt::format("Login response is invalid: {}", why));
}

void LoginEngine::Impl::fail_negotiation(const NegotiationError& error) {
    fail(LoginStatus::NegotiationFailed,
         fmt::format("Login negotiation failed, {}", error.describe()));
}

void LoginEngine::Impl::fail_chap(const ChapFailure& failure) {
    if (!failure.detail.empty()) {
        notice(base::LogLevel::Error,
               fmt::format("failing authentication, {} {}", failure.detail, config_.target_name));
    }
    fail(LoginStatus::AuthenticationFailed,
         fmt::format("Login authentication failed with target {}, {}", config_.target_name,
                     chap_error_text(failure.error)));
}

}  // namespace iscsi::session

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/login.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "session/login_impl.hpp"

namespace iscsi::session {

using base::Instant;
using proto::Stage;

namespace {

Stage stage_of(LoginStep step) {
    return step == LoginStep::Operational ? Stage::LoginOperationalNegotiation
                                          : Stage::SecurityNegotiation;
}

Stage stage_after(Stage stage) {
    return stage == Stage::SecurityNegotiation ? Stage::LoginOperationalNegotiation
                                               : Stage::FullFeaturePhase;
}

bool is_authentication_key(std::string_view key) {
    return key == "AuthMethod" || key.starts_with("CHAP_");
}

Offer clamped(const Offer& offer) {
    Offer copy = offer;
    (void)clamp_offer(copy);  // the lines are given as notices by the constructor
    return copy;
}

}  // namespace

proto::Isid isid_for_session(std::uint32_t sid) {
    return {{0x00, 0x02, 0x3d, static_cast<std::uint8_t>(sid >> 16 & 0xff),
             static_cast<std::uint8_t>(sid >> 8 & 0xff), static_cast<std::uint8_t>(sid & 0xff)}};
}

proto::Isid isid_for_discovery(base::Random& random) {
    constexpr std::uint8_t kRandomType = 0x80;
    std::array<std::byte, 5> bytes{};
    random.fill(bytes);
    proto::Isid isid{{kRandomType}};
    std::ranges::transform(bytes, isid.bytes.begin() + 1,
                           [](std::byte byte) { return std::to_integer<std::uint8_t>(byte); });
    return isid;
}

LoginEngine::Impl::Impl(LoginConfig config, base::Random& random, Instant now)
    : config_(std::move(config)),
      chap_(config_.auth, nettle_digests(), random),
      negotiation_(config_.session_type, clamped(config_.offer)),
      exp_stat_sn_(config_.exp_stat_sn) {
    for (auto& line : clamp_offer(config_.offer)) notice(base::LogLevel::Error, std::move(line));
    start(now);
}

void LoginEngine::Impl::start(Instant now) {
    add("InitiatorName", config_.initiator_name);
    if (!config_.initiator_alias.empty()) add("InitiatorAlias", config_.initiator_alias);
    const bool normal = config_.session_type == SessionType::Normal;
    if (normal) add("TargetName", config_.target_name);
    out_.add("SessionType", normal ? "Normal" : "Discovery");

    if (config_.auth.password.empty()) {
        if (chap_.mutual()) {
            notice(base::LogLevel::Warning,
                   "CHAP configuration has incoming authentication credentials but has no outgoing "
                   "credentials configured.");
        }
        return start_operational(now);
    }
    for (const auto algorithm : chap_.dropped()) {
        notice(base::LogLevel::Warning,
               fmt::format("Ignoring CHAP algorithm request for {} due to crypto lib configuration",
                           record::word_of(algorithm)));
    }
    if (chap_.algorithms().empty()) return fail_chap({ChapErrc::AlgorithmFailed, {}});
    // None is offered exactly when the target need not prove itself; then it may end the stage.
    out_.add("AuthMethod", chap_.mutual() ? "CHAP" : "CHAP,None");
    request(LoginStep::AuthMethod, !chap_.mutual(), now);
}

// Sending -----------------------------------------------------------------------------------------

// Names come from files; a NUL in one would end the pair early.
void LoginEngine::Impl::add(std::string_view key, std::string_view value) {
    out_.add(key, value.substr(0, value.find('\0')));
}

void LoginEngine::Impl::request(LoginStep step, bool transit, Instant now) {
    step_ = step;
    transit_ = transit;
    send_segment(now);
}

// Section 6.2: a text too long for one PDU is cut, all but the last with the C bit and without T.
void LoginEngine::Impl::send_segment(Instant now) {
    const auto segment = out_.next_segment(kLoginDataBytesMax);
    const Stage stage = stage_of(step_);
    const bool last = out_.empty();
    proto::LoginRequest pdu;
    pdu.transit = last && transit_;
    pdu.continue_text = !last;
    pdu.current_stage = stage;
    // Compat: without T the field is reserved, and open-iscsi sends the current stage there.
    pdu.next_stage = pdu.transit ? stage_after(stage) : stage;
    pdu.data_segment_length = static_cast<std::uint32_t>(segment.size());
    pdu.isid = config_.isid;
    pdu.tsih = config_.tsih;
    pdu.cid = config_.cid;
    pdu.cmd_sn = config_.cmd_sn;
    pdu.exp_stat_sn = exp_stat_sn_;
    header_ = proto::encode(pdu);
    data_.assign(segment.begin(), segment.end());
    data_.resize(data_.size() + base::pad4(data_.size()));
    to_send_ = {header_, data_};
    reader_.start_over();

    const bool security_goes_on = stage == Stage::SecurityNegotiation && answered_;
    const auto limit = security_goes_on ? config_.auth_timeout : config_.login_timeout;
    response_deadline_ = limit.count() > 0 ? now + limit : base::kNever;
}

std::span<const base::ConstByteSpan> LoginEngine::Impl::send_window() {
    if (done()) return {};
    const auto spans = std::span<const base::ConstByteSpan>(to_send_);
    if (!spans[0].empty()) return spans.first(spans[1].empty() ? 1 : 2);
    return spans[1].empty() ? spans.first(0) : spans.last(1);
}

void LoginEngine::Impl::on_sent(std::size_t count) {
    for (auto& span : to_send_) {
        const auto part = std::min(count, span.size());
        span = span.subspan(part);
        count -= part;
    }
    CHECK(count == 0);
}

// Receiving ---------------------------------------------------------------------------------------

std::span<std::byte> LoginEngine::Impl::recv_window() {
    if (done() || !send_window().empty()) return {};
    return reader_.window();
}

void LoginEngine::Impl::on_received(std::size_t count, Instant now) {
    if (done()) return;
    const auto complete = reader_.on_received(count);
    if (!complete) return fail_pdu(pdu_read_error_text(complete.error()));
    if (*complete) on_response(now);
}

void LoginEngine::Impl::on_response(Instant now) {
    const auto response = proto::decode<proto::LoginResponse>(reader_.header());
    if (!response) {
        const auto opcode = proto::decode_common(reader_.header()).opcode;
        if (response.error() != proto::DecodeErrc::WrongOpcode) {
            return fail_pdu(proto::decode_error_text(response.error()));
        }
        return fail_pdu(
            fmt::format("it has opcode 0x{:02x} ({})", opcode, proto::opcode_name(opcode)));
    }
    const bool piece = response->continue_text && !reader_.data().empty();
    if (!piece && ++rounds_ > kLoginRoundsMax) return fail_pdu("there is no end to them");
    if (!check_response(*response)) return;
    if (response->status_class != 0) return on_status(*response);
    if (!check_flags(*response)) return;
    exp_stat_sn_ = response->stat_sn.next();
    answered_ = true;
    if (!out_.empty()) {
        if (!reader_.data().empty() || response->continue_text) {
            return fail_pdu("it has text, though ours was not complete");
        }
        return send_segment(now);
    }
    on_text(*response, now);
}

// What holds for every response, of success or failure.
bool LoginEngine::Impl::check_response(const proto::LoginResponse& response) {
    if (response.initiator_task_tag != 0) {
        fail_pdu(fmt::format("its task tag is 0x{:08x}, we sent 0", response.initiator_task_tag));
    }
    return !done();
}

bool LoginEngine::Impl::check_flags(const proto::LoginResponse& response) {
    const Stage stage = stage_of(step_);
    const bool asked = transit_ && out_.empty();
    if (response.version_active != 0) {
        fail(LoginStatus::VersionMismatch,
             fmt::format("Login version mismatch, received incompatible active iSCSI version "
                         "0x{:02x}, expected version 0x00",
                         response.version_active));
    } else if (response.isid != config_.isid) {
        fail_pdu("its ISID is not ours");
    } else if (response.current_stage != stage) {
        fail_pdu("its current stage is not ours");
    } else if (response.transit && response.continue_text) {
        fail_pdu("its T and C bits are both set");
    } else if (response.transit && !asked) {
        fail_pdu("its T bit is set, ours was not");
    } else if (response.transit && response.next_stage != stage_after(stage)) {
        fail_pdu("its next stage is not the one we asked for");
    } else if (answered_ && response.stat_sn != exp_stat_sn_) {
        fail_pdu(fmt::format("its StatSN is {}, expected {}", response.stat_sn.value,
                             exp_stat_sn_.value));
    } else if (config_.tsih != 0 && response.tsih != config_.tsih) {
        fail_pdu(fmt::format("its TSIH is {}, we sent {}", response.tsih, config_.tsih));
    }
    return !done();
}

void LoginEngine::Impl::on_text(const proto::LoginResponse& response, Instant now) {
    if (auto taken = in_.append(reader_.data()); !taken) {
        return fail_pdu(proto::text_error_text(taken.error()));
    }
    if (response.continue_text) return request(step_, transit_, now);
    const auto keys = in_.take();
    if (!keys) return fail_pdu(proto::text_error_text(keys.error()));

    const bool security = stage_of(step_) == Stage::SecurityNegotiation;
    std::vector<proto::TextPair> authentication;
    for (const auto& pair : *keys) {
        if (security && is_authentication_key(pair.key)) {
            authentication.push_back(pair);
            continue;
        }
        const auto taken = negotiation_.on_pair(pair, security ? kInSecurity : kInOperational);
        if (!taken) return fail_negotiation(taken.error());
    }
    if (security) return on_security(authentication, response.transit, now);
    if (response.transit) return on_operational_end(response);
    negotiation_.write_answers(out_);
    request(LoginStep::Operational, /*transit=*/true, now);
}

// Operational stage -------------------------------------------------------------------------------

void LoginEngine::Impl::start_operational(Instant now) {
    negotiation_.write_answers(out_);
    negotiation_.write_offer(out_);
    request(LoginStep::Operational, /*transit=*/true, now);
}

void LoginEngine::Impl::on_operational_end(const proto::LoginResponse& response) {
    if (auto dropped = negotiation_.drop_answers(); !dropped) {
        return fail_negotiation(dropped.error());
    }
    auto params = negotiation_.finish();
    if (!params) return fail_negotiation(params.error());
    if (response.tsih == 0) return fail_pdu("it ends the login with a TSIH of 0");
    finish(LoggedIn{.params = std::move(*params),
                    .isid = config_.isid,
                    .tsih = response.tsih,
                    .cid = config_.cid,
                    .cmd_sn = config_.cmd_sn,
                    .exp_stat_sn = exp_stat_sn_,
                    .exp_cmd_sn = response.exp_cmd_sn,
                    .max_cmd_sn = response.max_cmd_sn});
}

// The public face ---------------------------------------------------------------------------------

LoginEngine::LoginEngine(LoginConfig config, base::Random& random, Instant now)
    : impl_(std::make_unique<Impl>(std::move(config), random, now)) {}
LoginEngine::~LoginEngine() = default;
LoginEngine::LoginEngine(LoginEngine&&) noexcept = default;
LoginEngine& LoginEngine::operator=(LoginEngine&&) noexcept = default;

std::span<std::byte> LoginEngine::recv_window() { return impl_->recv_window(); }
void LoginEngine::on_received(std::size_t count, Instant now) { impl_->on_received(count, now); }
std::span<const base::ConstByteSpan> LoginEngine::send_window() { return impl_->send_window(); }
void LoginEngine::on_sent(std::size_t count, Instant /*now*/) { impl_->on_sent(count); }
Instant LoginEngine::deadline() const { return impl_->deadline(); }
void LoginEngine::on_deadline(Instant now) { impl_->on_deadline(now); }
std::optional<LoginEngine::Event> LoginEngine::next_event() { return impl_->next_event(); }
bool LoginEngine::done() const { return impl_->done(); }

}  // namespace iscsi::session

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/login.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <utility>

#include "proto/pdu.hpp"
#include "proto/text.hpp"
#include "session/chap.hpp"
#include "session/negotiation.hpp"
#include "session/pdu_reader.hpp"
#include "session/target_address.hpp"

namespace iscsi::session {

using base::Instant;
using proto::Stage;

namespace {

// Section 6.3: until negotiated otherwise, which never happens before the login is over, each side
// takes this much.
constexpr std::uint32_t kLoginDataBytesMax = 8192;
constexpr std::size_t kLoginTextBytesMax = 64 * 1024;  // of one text, joined by the C bit
constexpr unsigned kLoginRoundsMax = 64;  // exchanges that bring no piece of a longer text

// What the last request has asked for.
//
//   with credentials                          T            T
//   ------------> AuthMethod --> ChapList --> ChapProof ------> Operational ----> Done
//                     |  None, no T               | no T   ^         ^ |T
//                     +-------------> SecurityEnd <+       |         | |no T: answers
//                     |  None, T          |      T         |         +-+
//                     +-------------------+----------------+
//   without credentials: starts at Operational. Any failure leads to Done.
enum class Step : std::uint8_t {
    AuthMethod,   // offered the methods
    ChapList,     // offered CHAP algorithms
    ChapProof,    // answered the target's challenge, perhaps set it one
    SecurityEnd,  // nothing is left but the target's consent to leave the stage
    Operational,
    Done,
};

Stage stage_of(Step step) {
    return step == Step::Operational ? Stage::LoginOperationalNegotiation
                                     : Stage::SecurityNegotiation;
}

Stage stage_after(Stage stage) {
    return stage == Stage::SecurityNegotiation ? Stage::LoginOperationalNegotiation
                                               : Stage::FullFeaturePhase;
}

bool is_authentication_key(std::string_view key) {
    return key == "AuthMethod" || key.starts_with("CHAP_");
}

}  // namespace

proto::Isid isid_for_session(std::uint32_t sid) {
    return {{0x00, 0x02, 0x3d, static_cast<std::uint8_t>(sid >> 16 & 0xff),
             static_cast<std::uint8_t>(sid >> 8 & 0xff), static_cast<std::uint8_t>(sid & 0xff)}};
}

class LoginEngine::Impl {
public:
    Impl(LoginConfig config, base::Random& random, Instant now);

    std::span<std::byte> recv_window();
    void on_received(std::size_t count, Instant now);
    std::span<const base::ConstByteSpan> send_window();
    void on_sent(std::size_t count);
    Instant deadline() const;
    void on_deadline(Instant now);
    std::optional<Event> next_event();
    bool done() const { return step_ == Step::Done; }

private:
    // Sending
    void start(Instant now);
    void add(std::string_view key, std::string_view value);
    void request(Step step, bool transit, Instant now);
    void send_segment(Instant now);
    // Receiving
    void on_response(Instant now);
    bool check_response(const proto::LoginResponse& response);
    bool check_flags(const proto::LoginResponse& response);
    void on_status(const proto::LoginResponse& response);
    void on_redirect(const proto::LoginResponse& response);
    void on_text(const proto::LoginResponse& response, Instant now);
    // One per stage and step
    void on_security(const std::vector<proto::TextPair>& keys, bool transit, Instant now);
    void on_auth_method(const std::vector<proto::TextPair>& keys, bool transit, Instant now);
    void on_challenge(const std::vector<proto::TextPair>& keys, Instant now);
    void on_proof(const std::vector<proto::TextPair>& keys, bool transit, Instant now);
    void leave_security(bool transit, Instant now);
    void start_operational(Instant now);
    void on_operational_end(const proto::LoginResponse& response);
    // Endings
    void finish(Event event);
    void fail(LoginStatus status, std::string text);
    void fail_pdu(std::string_view why);
    void fail_negotiation(const NegotiationError& error);
    void fail_chap(const ChapFailure& failure);
    void notice(base::LogLevel level, std::string text) { events_.push_back(Notice{level, text}); }

    LoginConfig config_;
    Chap chap_;
    Negotiation negotiation_;
    Step step_ = Step::Operational;
    bool transit_ = false;  // the T bit of the request at hand
    proto::TextWriter out_;
    proto::Bhs header_{};
    std::vector<std::byte> data_;                   // segment and padding
    std::array<base::ConstByteSpan, 2> to_send_{};  // what is left of header_ and data_
    PduReader reader_{kLoginDataBytesMax};
    proto::TextCollector in_{kLoginTextBytesMax};
    unsigned rounds_ = 0;
    bool answered_ = false;  // a response has arrived
    proto::StatSn exp_stat_sn_;
    Instant response_deadline_ = base::kNever;
    std::deque<Event> events_;
};

namespace {

Offer clamped(const Offer& offer) {
    Offer copy = offer;
    (void)clamp_offer(copy);  // the lines are given as notices by the constructor
    return copy;
}

}  // namespace

LoginEngine::Impl::Impl(LoginConfig config, base::Random& random, Instant now)
    : config_(std::move(config)),
      chap_(config_.auth, libcrypto_digests(), random),
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
    request(Step::AuthMethod, !chap_.mutual(), now);
}

// Sending -----------------------------------------------------------------------------------------

// Names come from files; a NUL in one would end the pair early.
void LoginEngine::Impl::add(std::string_view key, std::string_view value) {
    out_.add(key, value.substr(0, value.find('\0')));
}

void LoginEngine::Impl::request(Step step, bool transit, Instant now) {
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
    request(Step::Operational, /*transit=*/true, now);
}

// Security stage ----------------------------------------------------------------------------------

void LoginEngine::Impl::on_security(const std::vector<proto::TextPair>& keys, bool transit,
                                    Instant now) {
    switch (step_) {
        case Step::AuthMethod:
            return on_auth_method(keys, transit, now);
        case Step::ChapList:
            return on_challenge(keys, now);
        case Step::ChapProof:
            return on_proof(keys, transit, now);
        case Step::SecurityEnd:
            if (!keys.empty()) return fail_chap({ChapErrc::UnexpectedKey, {}});
            return leave_security(transit, now);
        case Step::Operational:
        case Step::Done:
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
    request(Step::ChapList, /*transit=*/false, now);
}

void LoginEngine::Impl::on_challenge(const std::vector<proto::TextPair>& keys, Instant now) {
    const auto answer = chap_.on_challenge(keys);
    if (!answer) return fail_chap(answer.error());
    for (const auto& [key, value] : *answer) add(key, value);
    request(Step::ChapProof, /*transit=*/true, now);
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
    request(Step::SecurityEnd, /*transit=*/true, now);
}

// Operational stage -------------------------------------------------------------------------------

void LoginEngine::Impl::start_operational(Instant now) {
    negotiation_.write_answers(out_);
    negotiation_.write_offer(out_);
    request(Step::Operational, /*transit=*/true, now);
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

// Endings -----------------------------------------------------------------------------------------

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
    step_ = Step::Done;
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

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "probe_options.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>

#include "base/numbers.hpp"
#include "record/words.hpp"

namespace iscsi::conformance {

using base::ErrorCode;
using std::chrono::seconds;

namespace {

using Setter = std::function<bool(ProbeOptions&, std::string_view)>;

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    if (text.empty()) return std::nullopt;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return value;
}

template <class Assign>
Setter numeric(Assign assign) {
    return [assign](ProbeOptions& options, std::string_view text) {
        const auto value = number(text);
        if (value) assign(options, *value);
        return value.has_value();
    };
}

Setter seconds_at(std::function<base::Duration&(ProbeOptions&)> where) {
    return numeric([where](ProbeOptions& o, std::uint64_t v) { where(o) = seconds(v); });
}

template <class Value>
Setter word_at(std::function<Value&(ProbeOptions&)> where) {
    return [where](ProbeOptions& options, std::string_view text) {
        const auto value = record::enum_from_word<Value>(text);
        if (value) where(options) = *value;
        return value.has_value();
    };
}

Setter length_at(std::uint32_t session::Offer::* member) {
    return numeric([member](ProbeOptions& o, std::uint64_t v) {
        o.login.offer.*member = static_cast<std::uint32_t>(v);
    });
}

Setter flag_at(bool session::Offer::* member) {
    return [member](ProbeOptions& options, std::string_view text) {
        options.login.offer.*member = text == "Yes";
        return text == "Yes" || text == "No";
    };
}

bool set_algorithms(ProbeOptions& options, std::string_view text) {
    options.login.auth.chap_algs.clear();
    while (!text.empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        const auto word = record::enum_from_word<record::ChapAlgorithm>(text.substr(0, comma));
        if (!word) return false;
        options.login.auth.chap_algs.push_back(*word);
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return true;
}

void add_offer_keys(std::map<std::string_view, Setter>& keys) {
    using session::Offer;
    keys["HeaderDigest"] = word_at<record::Digest>(
        [](ProbeOptions& o) -> record::Digest& { return o.login.offer.header_digest; });
    keys["DataDigest"] = word_at<record::Digest>(
        [](ProbeOptions& o) -> record::Digest& { return o.login.offer.data_digest; });
    keys["MaxRecvDataSegmentLength"] = length_at(&Offer::max_recv_data_segment_length);
    keys["MaxBurstLength"] = length_at(&Offer::max_burst_length);
    keys["FirstBurstLength"] = length_at(&Offer::first_burst_length);
    keys["MaxOutstandingR2T"] = length_at(&Offer::max_outstanding_r2t);
    keys["DefaultTime2Wait"] = length_at(&Offer::default_time2wait);
    keys["DefaultTime2Retain"] = length_at(&Offer::default_time2retain);
    keys["InitialR2T"] = flag_at(&Offer::initial_r2t);
    keys["ImmediateData"] = flag_at(&Offer::immediate_data);
}

void add_timer_keys(std::map<std::string_view, Setter>& keys) {
    keys["login_timeout"] = numeric([](ProbeOptions& o, std::uint64_t v) {
        o.supervisor.login_timeout = o.login.login_timeout = o.login.auth_timeout = seconds(v);
    });
    keys["logout_timeout"] =
        numeric([](ProbeOptions& o, std::uint64_t v) { o.supervisor.logout_timeout = seconds(v); });
    keys["command_timeout"] =
        numeric([](ProbeOptions& o, std::uint64_t v) { o.command_timeout = seconds(v); });
    keys["text_timeout"] =
        numeric([](ProbeOptions& o, std::uint64_t v) { o.text_timeout = seconds(v); });
    keys["replacement_timeout"] = numeric(
        [](ProbeOptions& o, std::uint64_t v) { o.scheduler.replacement_timeout = seconds(v); });
    keys["noop_out_interval"] =
        seconds_at([](ProbeOptions& o) -> base::Duration& { return o.engine.noop_out_interval; });
    keys["noop_out_timeout"] =
        seconds_at([](ProbeOptions& o) -> base::Duration& { return o.engine.noop_out_timeout; });
    keys["abort_timeout"] =
        seconds_at([](ProbeOptions& o) -> base::Duration& { return o.engine.abort_timeout; });
    keys["lu_reset_timeout"] =
        seconds_at([](ProbeOptions& o) -> base::Duration& { return o.engine.lu_reset_timeout; });
    keys["tgt_reset_timeout"] = seconds_at(
        [](ProbeOptions& o) -> base::Duration& { return o.engine.target_reset_timeout; });
    keys["speed"] = numeric([](ProbeOptions& o, std::uint64_t v) {
        o.speed = std::max<std::int64_t>(1, static_cast<std::int64_t>(v));
    });
    keys["limit_ms"] =
        numeric([](ProbeOptions& o, std::uint64_t v) { o.limit = std::chrono::milliseconds(v); });
}

void add_place_keys(std::map<std::string_view, Setter>& keys) {
    keys["address"] = [](ProbeOptions& o, std::string_view text) {
        o.supervisor.portal.address = text;
        return true;
    };
    keys["port"] = numeric([](ProbeOptions& o, std::uint64_t v) {
        o.supervisor.portal.port = static_cast<std::int32_t>(v);
    });
    keys["target"] = [](ProbeOptions& o, std::string_view text) {
        o.supervisor.target = o.login.target_name = text;
        return true;
    };
    keys["username"] = [](ProbeOptions& o, std::string_view text) {
        o.login.auth.username = text;
        return true;
    };
    keys["password"] = [](ProbeOptions& o, std::string_view text) {
        o.login.auth.password = base::Secret(text);
        return true;
    };
    keys["username_in"] = [](ProbeOptions& o, std::string_view text) {
        o.login.auth.username_in = text;
        return true;
    };
    keys["password_in"] = [](ProbeOptions& o, std::string_view text) {
        o.login.auth.password_in = base::Secret(text);
        return true;
    };
    keys["chap_algs"] = set_algorithms;
    keys["retry_max"] = numeric([](ProbeOptions& o, std::uint64_t v) {
        o.supervisor.initial_login_retry_max = static_cast<int>(v);
    });
    keys["blocks"] = numeric([](ProbeOptions& o, std::uint64_t v) { o.blocks = v; });
    keys["block_bytes"] = numeric(
        [](ProbeOptions& o, std::uint64_t v) { o.block_bytes = static_cast<std::uint32_t>(v); });
}

ProbeOptions defaults() {
    ProbeOptions options;
    options.supervisor.iface = "user";
    options.supervisor.scan_auto = false;
    options.supervisor.initial_login_retry_max = 3;
    options.login.initiator_name = "iqn.2026-01.test:probe";
    options.login.initiator_alias = "probe";
    options.engine.noop_out_interval = options.engine.noop_out_timeout = base::Duration{};
    options.engine.escalate = false;  // the scheduler does it, as in iscsi-userd
    return options;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(separator), text.size());
        if (end > 0) parts.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

}  // namespace

base::Result<ProbeOptions> parse_options(int count, const char* const* arguments) {
    std::map<std::string_view, Setter> keys;
    add_offer_keys(keys);
    add_timer_keys(keys);
    add_place_keys(keys);
    ProbeOptions options = defaults();
    for (int i = 1; i < count; ++i) {
        const std::string_view argument = arguments[i];
        const std::size_t equals = std::min(argument.find('='), argument.size());
        const auto key = keys.find(argument.substr(0, equals));
        if (equals == argument.size() || key == keys.end() ||
            !key->second(options, argument.substr(equals + 1))) {
            return base::fail(ErrorCode::Invalid, "not a setting of the probe: {}", argument);
        }
    }
    options.supervisor.time2wait = seconds(options.login.offer.default_time2wait);
    return options;
}

base::Result<std::vector<ProbeCommand>> parse_script(std::string_view text) {
    std::vector<ProbeCommand> script;
    for (const std::string_view line : split(text, '\n')) {
        ProbeCommand command;
        for (std::string_view word : split(line, ' ')) {
            if (!command.verb.empty()) {
                const auto value = number(word);
                if (!value) return base::fail(ErrorCode::Invalid, "not a number: {}", line);
                command.numbers.push_back(*value);
                continue;
            }
            command.wait = !word.starts_with('&');
            command.verb = word.substr(command.wait ? 0 : 1);
        }
        command.numbers.resize(3);
        script.push_back(std::move(command));
    }
    return script;
}

FastClock::FastClock(std::int64_t speed)
    : start_(std::chrono::steady_clock::now()), speed_(speed) {}

base::Instant FastClock::now() const {
    return start_ + (std::chrono::steady_clock::now() - start_) * speed_;
}

base::Instant FastClock::real(base::Instant instant) const {
    if (instant == base::kNever) return base::kNever;
    return start_ + (instant - start_) / speed_;
}

void fill_pattern(base::ByteSpan out, std::uint64_t offset, std::uint64_t seed) {
    const std::uint64_t mix = seed * 0x9e37'79b9'7f4a'7c15;
    for (std::size_t i = 0; i < out.size(); ++i) {
        const std::uint64_t at = offset + i;
        const std::uint64_t word = (at / 8) ^ mix;
        out[i] = static_cast<std::byte>((word >> (56 - 8 * (at % 8))) & 0xff);
    }
}

std::uint32_t crc32(base::ConstByteSpan data) {
    std::uint32_t crc = ~0U;
    for (const std::byte byte : data) {
        crc ^= std::to_integer<std::uint32_t>(byte);
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb8'8320U : 0U);
    }
    return ~crc;
}

}  // namespace iscsi::conformance

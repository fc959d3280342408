// SPDX-License-Identifier: LGPL-2.1-or-later
// Reading the command line, option by option and in open-iscsi's order: the first fault ends it.
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "base/version.hpp"
#include "iscsiadm/arguments.hpp"
#include "iscsiadm/hints.hpp"
#include "iscsiadm/options.hpp"
#include "iscsiadm/session_id.hpp"

namespace iscsi::iscsiadm {

namespace {

constexpr int kInvalid = static_cast<int>(base::ErrorCode::Invalid);
constexpr std::size_t kIfaceNameMax = 64;

// Numbers as open-iscsi reads them: atoi, so what is no number is 0 and what is too large wraps.
std::int32_t lenient_number(const std::string& text) {
    return static_cast<std::int32_t>(std::strtol(text.c_str(), nullptr, 10));
}

template <class Value>
struct Word {
    std::string_view text;
    Value value;
};

constexpr Word<SubMode> kSubModes[] = {
    {"ping", SubMode::Ping},
    {"chap", SubMode::Chap},
    {"flashnode", SubMode::Flashnode},
    {"stats", SubMode::Stats},
};
constexpr Word<DiscoveryKind> kKinds[] = {
    {"sendtargets", DiscoveryKind::SendTargets},
    {"st", DiscoveryKind::SendTargets},
    {"isns", DiscoveryKind::Isns},
    {"fw", DiscoveryKind::Firmware},
    {"slp", DiscoveryKind::Slp},
};

template <class Value, std::size_t N>
std::optional<Value> find_word(const Word<Value> (&words)[N], std::string_view text) {
    const auto* found = std::ranges::find(words, text, &Word<Value>::text);
    if (found == std::end(words)) return std::nullopt;
    return found->value;
}

class Parser {
public:
    Parser(std::span<const char* const> args, Output& output) : args_(args), output_(output) {}
    std::variant<Command, Exit> run();

private:
    // The status to end with, if the program must end here.
    using Outcome = std::optional<int>;

    Outcome take(char letter, const std::string& text);
    bool take_flag(char letter);
    bool take_text(char letter, const std::string& text);
    bool take_number(char letter, const std::string& text);
    Outcome take_mode(std::string_view word);
    Outcome check_allowed(const ModeInfo& mode);
    Outcome take_portal(const std::string& text);
    Outcome take_iface(const std::string& name);
    Outcome take_host(const std::string& text);
    Outcome take_sid(const std::string& text);
    Outcome take_op(std::string_view word);
    Outcome take_kill(const std::string& text);
    void complete_pair();

    std::span<const char* const> args_;
    Output& output_;
    Command command_;
    bool have_mode_ = false;
    std::optional<std::string> name_, value_;  // of a pair that is not complete yet
};

std::variant<Command, Exit> Parser::run() {
    ArgumentReader reader(args_, options());
    char stray = 0;
    while (const auto argument = reader.next()) {
        if (argument->letter == '?') {
            output_.plain_error(argument->fault);
            stray = argument->fault_letter;
        } else if (const auto status = take(argument->letter, argument->text.value_or(""))) {
            return Exit{*status};
        }
    }
    if (stray == kJsonOption) return Exit{kInvalid};  // has no letter to name
    if (stray != 0) {
        output_.error("unrecognized character '{}'", stray);
        return Exit{kInvalid};
    }
    if (!have_mode_ && !command_.kill_priority) return Exit{suggest_help(output_)};
    return std::move(command_);
}

Parser::Outcome Parser::take(char letter, const std::string& text) {
    switch (letter) {
        case 'h':
            print_usage(output_);
            return 0;
        case 'V':
            output_.line("iscsiadm version {}", base::kVersion);
            return 0;
        case 'm':
            return take_mode(text);
        case 'p':
            return take_portal(text);
        case 'I':
            return take_iface(text);
        case 'H':
            return take_host(text);
        case 'r':
            return take_sid(text);
        case 'o':
            return take_op(text);
        case 'k':
            return take_kill(text);
        default:
            break;
    }
    const bool taken = take_flag(letter) || take_text(letter, text) || take_number(letter, text);
    return taken ? std::nullopt : Outcome{kInvalid};
}

bool Parser::take_flag(char letter) {
    const std::pair<char, bool*> flags[] = {
        {'D', &command_.discover}, {'l', &command_.login},        {'u', &command_.logout},
        {'R', &command_.rescan},   {'s', &command_.stats},        {'S', &command_.show_secrets},
        {'W', &command_.no_wait},  {kJsonOption, &command_.json},
    };
    for (const auto& [known, flag] : flags) {
        if (known != letter) continue;
        *flag = true;
        return true;
    }
    return false;
}

bool Parser::take_text(char letter, const std::string& text) {
    switch (letter) {
        case 'T':
            // Compat: an empty name is none.
            if (!text.empty()) command_.target = text;
            return true;
        case 't':
            command_.type = find_word(kKinds, text).value_or(DiscoveryKind::None);
            return true;
        case 'C':
            command_.submode = find_word(kSubModes, text).value_or(SubMode::None);
            return true;
        case 'L':
            command_.login_group = text;
            return true;
        case 'U':
            command_.logout_group = text;
            return true;
        case 'a':
            command_.ping.address = text;
            return true;
        case 'A':
            command_.portal_type = text;
            return true;
        case 'n':
            name_ = text;
            complete_pair();
            return true;
        case 'v':
            value_ = text;
            complete_pair();
            return true;
        default:
            return false;
    }
}

bool Parser::take_number(char letter, const std::string& text) {
    switch (letter) {
        case 'P':
            command_.print_level = lenient_number(text);
            return true;
        case 'd':
            command_.debug = lenient_number(text);
            return true;
        case 'b':
            command_.ping.packet_size = lenient_number(text);
            return true;
        case 'c':
            command_.ping.count = lenient_number(text);
            return true;
        case 'i':
            command_.ping.interval = lenient_number(text);
            return true;
        case 'x':
            command_.index = static_cast<std::uint32_t>(lenient_number(text));
            return true;
        default:
            return false;
    }
}

// A pair is complete as soon as both halves are there, whichever came first.
void Parser::complete_pair() {
    if (!name_ || !value_) return;
    command_.assignments.push_back({std::move(*name_), std::move(*value_)});
    name_.reset();
    value_.reset();
}

Parser::Outcome Parser::take_mode(std::string_view word) {
    const auto mode = std::ranges::find(modes(), word, &ModeInfo::word);
    if (mode == modes().end()) {
        output_.error("mode -1 is not yet supported");
        std::vector<std::string_view> words;
        for (const auto& known : modes()) words.push_back(known.word);
        output_.hint(hint_for_word(word, words));
        return kInvalid;
    }
    command_.mode = mode->mode;
    have_mode_ = true;
    return check_allowed(*mode);
}

// The whole command line is checked against the mode's set, wherever -m stands in it.
Parser::Outcome Parser::check_allowed(const ModeInfo& mode) {
    ArgumentReader reader(args_, options());
    while (const auto argument = reader.next()) {
        const auto info = std::ranges::find(options(), argument->letter, &OptionInfo::letter);
        if (info != options().end() && info->modes.has(mode.mode)) continue;
        if (argument->letter == '?') output_.plain_error(argument->fault);
        output_.error("{} mode: option '-{}' is not allowed/supported", mode.title,
                      argument->letter);
        return kInvalid;
    }
    return std::nullopt;
}

Parser::Outcome Parser::take_portal(const std::string& text) {
    auto portal = record::parse_portal(text);
    if (!portal) {
        output_.error_text(portal.error().message);
        return kInvalid;
    }
    command_.portal_is_empty = portal->address.empty();
    command_.portal = command_.portal_is_empty ? std::nullopt : std::optional(std::move(*portal));
    command_.portal_text = text;
    return std::nullopt;
}

Parser::Outcome Parser::take_iface(const std::string& name) {
    if (name.empty() || name.size() > kIfaceNameMax) {
        const auto fault = fmt::format("Invalid iface name {}. Must be from 1 to {} characters.",
                                       name, kIfaceNameMax);
        // Compat: on standard output, of all faults this one.
        if (output_.keeps_errors()) {
            output_.error_text(fault);
        } else {
            output_.line("{}", fault);
        }
        return kInvalid;
    }
    command_.ifaces.push_back(name);
    return std::nullopt;
}

Parser::Outcome Parser::take_host(const std::string& text) {
    if (text.find(':') != std::string::npos) {
        command_.host_mac = text;
        return std::nullopt;
    }
    errno = 0;
    const auto number = std::strtoull(text.c_str(), nullptr, 10);
    if (errno == ERANGE || number > UINT32_MAX) {
        output_.error("Invalid host no {}. {}.", text, std::strerror(ERANGE));
        return kInvalid;
    }
    command_.host = static_cast<std::uint32_t>(number);
    return std::nullopt;
}

Parser::Outcome Parser::take_sid(const std::string& text) {
    const auto sid = parse_session_id(text);
    if (!sid) {
        output_.error_text(sid.error().message);
        return sid.error().status;
    }
    command_.sid = *sid;
    return std::nullopt;
}

Parser::Outcome Parser::take_op(std::string_view word) {
    const auto op = std::ranges::find(operations(), word, &OpInfo::word);
    if (op == operations().end()) {
        // Compat: after a known one, it is passed over.
        if (!command_.ops.none()) return std::nullopt;
        output_.error("can not recognize operation: '{}'", word);
        std::vector<std::string_view> words;
        for (const auto& known : operations()) words.push_back(known.word);
        output_.hint(hint_for_word(word, words));
        return kInvalid;
    }
    command_.ops.add(op->op);
    return std::nullopt;
}

Parser::Outcome Parser::take_kill(const std::string& text) {
    const auto priority = lenient_number(text);
    if (priority < 0) {
        output_.error(
            "Invalid killiscsid priority {} Priority must be greater than or equal to zero.",
            priority);
        return kInvalid;
    }
    command_.kill_priority = priority;
    return std::nullopt;
}

}  // namespace

std::variant<Command, Exit> parse(std::span<const char* const> args, Output& output) {
    return Parser(args, output).run();
}

}  // namespace iscsi::iscsiadm

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/arguments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace iscsi::iscsiadm {

std::optional<Argument> ArgumentReader::next() {
    if (!cluster_.empty()) return read_short();
    while (position_ < args_.size()) {
        const std::string_view word = args_[position_++];
        if (word == "--") {
            position_ = args_.size();
            return std::nullopt;
        }
        if (word.starts_with("--")) return read_long(word.substr(2));
        if (word.starts_with('-') && word.size() > 1) {
            cluster_ = word.substr(1);
            return read_short();
        }
    }
    return std::nullopt;
}

Argument ArgumentReader::read_short() {
    const char letter = cluster_.front();
    cluster_.remove_prefix(1);
    const auto info = std::ranges::find(options_, letter, &OptionInfo::letter);
    if (info == options_.end()) {
        return fault(letter, fmt::format("invalid option -- '{}'", letter));
    }
    Argument argument{.letter = letter, .text = {}, .fault = {}, .fault_letter = 0};
    if (info->argument.empty()) return argument;
    if (!cluster_.empty()) {
        argument.text = std::exchange(cluster_, {});
    } else {
        argument.text = following();
    }
    if (!argument.text) {
        return fault(letter, fmt::format("option requires an argument -- '{}'", letter));
    }
    return argument;
}

Argument ArgumentReader::read_long(std::string_view text) {
    const auto equals = text.find('=');
    const auto name = text.substr(0, equals);
    std::vector<const OptionInfo*> candidates;
    for (const auto& option : options_) {
        if (option.name == name) {
            candidates.assign(1, &option);
            break;
        }
        if (option.name.starts_with(name)) candidates.push_back(&option);
    }
    if (candidates.empty()) return fault(0, fmt::format("unrecognized option '--{}'", text));
    if (candidates.size() > 1) {
        auto message = fmt::format("option '--{}' is ambiguous; possibilities:", text);
        for (const auto* option : candidates) message += fmt::format(" '--{}'", option->name);
        return fault(0, std::move(message));
    }
    const auto& option = *candidates.front();
    Argument argument{.letter = option.letter, .text = {}, .fault = {}, .fault_letter = 0};
    if (equals != std::string_view::npos) {
        if (option.argument.empty()) {
            return fault(option.letter,
                         fmt::format("option '--{}' doesn't allow an argument", option.name));
        }
        argument.text = text.substr(equals + 1);
    } else if (!option.argument.empty() && !option.long_argument_optional) {
        argument.text = following();
        if (!argument.text) {
            return fault(option.letter,
                         fmt::format("option '--{}' requires an argument", option.name));
        }
    }
    return argument;
}

std::optional<std::string> ArgumentReader::following() {
    if (position_ >= args_.size()) return std::nullopt;
    return args_[position_++];
}

Argument ArgumentReader::fault(char letter, std::string message) const {
    return {.letter = '?',
            .text = {},
            .fault = fmt::format("{}: {}", args_.empty() ? "iscsiadm" : args_[0], message),
            .fault_letter = letter};
}

bool has_option(std::span<const char* const> args, std::span<const OptionInfo> options,
                char letter) {
    ArgumentReader reader(args, options);
    while (const auto argument = reader.next()) {
        if (argument->letter == letter || argument->fault_letter == letter) return true;
    }
    return false;
}

}  // namespace iscsi::iscsiadm

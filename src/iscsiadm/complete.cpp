// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/complete.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/numbers.hpp"
#include "iscsiadm/arguments.hpp"
#include "iscsiadm/options.hpp"
#include "iscsiadm/print_records.hpp"
#include "iscsiadm/sessions.hpp"
#include "record/schema.hpp"

namespace iscsi::iscsiadm {

namespace {

using Words = std::vector<std::string>;

// What the words before the last one say.
struct Before {
    std::optional<Mode> mode;
    std::optional<std::string> target;
    std::string submode;
    std::string kind;          // -t
    std::string key;           // the latest -n
    std::string letters;       // all options that were given
    char waits_for_value = 0;  // the option that the last word belongs to
};

const OptionInfo* option_of(char letter) {
    const auto found = std::ranges::find(options(), letter, &OptionInfo::letter);
    return found == options().end() ? nullptr : &*found;
}

Before read_before(std::span<const char* const> words) {
    std::vector<const char*> args{"iscsiadm"};
    args.insert(args.end(), words.begin(), words.end());
    Before before;
    ArgumentReader reader(args, options());
    while (const auto argument = reader.next()) {
        const std::string text = argument->text.value_or("");
        // The last option without its argument is a fault of the line as it is so far.
        const auto* cut = argument->letter == '?' ? option_of(argument->fault_letter) : nullptr;
        before.waits_for_value = cut && !cut->argument.empty() ? cut->letter : '\0';
        before.letters += argument->letter;
        const auto mode = std::ranges::find(modes(), text, &ModeInfo::word);
        if (argument->letter == 'm' && mode != modes().end()) before.mode = mode->mode;
        if (argument->letter == 'T') before.target = text;
        if (argument->letter == 'C') before.submode = text;
        if (argument->letter == 't') before.kind = text;
        if (argument->letter == 'n') before.key = text;
    }
    return before;
}

template <class Record>
Words keys_of() {
    Words names;
    for (const auto* key : record::schema<Record>().show_order()) {
        const auto& info = key->info;
        const bool may = info.settable == record::Settable::Yes;
        if (may && info.visibility != record::Visibility::Hidden) names.emplace_back(info.name);
    }
    return names;
}

template <class Record>
Words values_of(std::string_view key) {
    const auto* found = record::schema<Record>().find(key);
    if (found == nullptr) return {};
    return {found->info.words.begin(), found->info.words.end()};
}

// Calls `visit` with the kind of record that the mode's -n and -v are about.
template <class Visit>
Words with_record_of(const Before& before, Visit visit) {
    switch (before.mode.value_or(Mode::Node)) {
        case Mode::Iface:
            return visit.template operator()<record::Iface>();
        case Mode::Discovery:
        case Mode::DiscoveryDb:
            return before.kind == "isns" ? visit.template operator()<record::Isns>()
                                         : visit.template operator()<record::SendTargets>();
        case Mode::Host:
            return before.submode == "flashnode" ? visit.template operator()<record::Flashnode>()
                                                 : visit.template operator()<record::HostChap>();
        case Mode::Node:
        case Mode::Session:
        case Mode::Firmware:
            break;
    }
    return visit.template operator()<record::Node>();
}

Words keys(const Before& before) {
    return with_record_of(before, []<class Record>() { return keys_of<Record>(); });
}
Words values(const Before& before) {
    return with_record_of(before, [&]<class Record>() { return values_of<Record>(before.key); });
}

Words mode_words() {
    Words words;
    for (const auto& mode : modes()) words.emplace_back(mode.word);
    return words;
}

Words op_words(const Before& before) {
    Words words;
    for (const auto& op : operations()) {
        if (!before.mode || op.modes.has(*before.mode)) words.emplace_back(op.word);
    }
    return words;
}

// "all|manual" in the table of options is the list of words; a single name is just a name.
Words listed_words(const OptionInfo& option) {
    if (!option.argument.contains('|')) return {};
    const auto parts = base::split(option.argument, '|');
    return {parts.begin(), parts.end()};
}

Words level_words(const Before& before) {
    constexpr int kLevels = 5;
    int levels = 2;
    if (before.mode == Mode::Session || before.mode == Mode::Host) levels = kLevels;
    if (before.mode == Mode::Session) --levels;
    Words words;
    for (int level = 0; level < levels; ++level) words.push_back(fmt::to_string(level));
    return words;
}

Words submode_words(const Before& before) {
    if (before.mode == Mode::Iface) return {"ping"};
    return {"chap", "flashnode", "stats"};
}

bool discovers(const Before& before) {
    return before.mode == Mode::Discovery || before.mode == Mode::DiscoveryDb;
}

Words values_for(const OptionInfo& option, const Before& before, LiveState& state) {
    switch (option.letter) {
        case 'm':
            return mode_words();
        case 'o':
            return op_words(before);
        case 't':
            return {"sendtargets", "st", "isns", "fw"};
        case 'T':
            return state.targets();
        case 'p':
            return discovers(before) ? state.discovery_portals() : state.portals(before.target);
        case 'I':
            return state.ifaces();
        case 'r':
            return state.session_ids();
        case 'H':
            return state.hosts();
        case 'n':
            return keys(before);
        case 'v':
            return values(before);
        case 'P':
            return level_words(before);
        case 'C':
            return submode_words(before);
        case 'k':
            return {"0"};
        default:
            return listed_words(option);
    }
}

bool fits(const OptionInfo& option, const Before& before) {
    const bool repeatable = option.letter == 'n' || option.letter == 'v' || option.letter == 'I';
    if (before.letters.contains(option.letter) && !repeatable) return false;
    return before.mode ? option.modes.has(*before.mode) : true;
}

Words option_words(std::string_view word, const Before& before) {
    Words words;
    for (const auto& option : options()) {
        if (!fits(option, before)) continue;
        words.push_back(fmt::format("--{}", option.name));
        const bool short_wanted = word == "-" && option.letter != kJsonOption;
        if (short_wanted) words.push_back(fmt::format("-{}", option.letter));
    }
    return words;
}

// The option whose value the word itself holds, and what of the word comes before that value:
// "--mode=no" and "-mno".
std::pair<const OptionInfo*, std::string> option_within(std::string_view word) {
    if (word.starts_with("--")) {
        const auto equals = word.find('=');
        if (equals == std::string_view::npos) return {};
        const auto name = word.substr(2, equals - 2);
        const auto found = std::ranges::find(options(), name, &OptionInfo::name);
        if (found == options().end()) return {};
        return {&*found, std::string(word.substr(0, equals + 1))};
    }
    if (word.size() < 2 || !word.starts_with('-')) return {};
    const auto* option = option_of(word[1]);
    if (option == nullptr || option->argument.empty()) return {};
    return {option, std::string(word.substr(0, 2))};
}

Words candidates(std::string_view word, const Before& before, LiveState& state) {
    if (before.waits_for_value != 0) {
        return values_for(*option_of(before.waits_for_value), before, state);
    }
    if (const auto [option, head] = option_within(word); option != nullptr) {
        auto words = values_for(*option, before, state);
        for (auto& value : words) value.insert(0, head);
        return words;
    }
    return word.empty() || word.starts_with('-') ? option_words(word, before) : Words();
}

// The real state.
class Machine final : public LiveState {
public:
    explicit Machine(App& app) : app_(app) {}

    Words targets() override {
        Words names;
        for (const auto& id : nodes({})) names.push_back(id.target);
        return names;
    }
    Words portals(const std::optional<std::string>& target) override {
        Words texts;
        for (const auto& id : nodes(target)) texts.push_back(portal_text(id.address, id.port));
        return texts;
    }
    Words discovery_portals() override {
        Words texts;
        for (const auto& list : {app_.store().send_targets(), app_.store().isns()}) {
            for (const auto& id : list.value_or(store::DiscoveryList()).ids) {
                texts.push_back(portal_text(id.address, id.port));
            }
        }
        return texts;
    }
    Words ifaces() override {
        Words names{std::string(record::kDefaultIface), std::string(record::kIserIface),
                    std::string(record::kUserIface)};
        const auto list = app_.store().ifaces();
        if (!list) return names;
        for (const auto& iface : list->ifaces) names.push_back(iface.iscsi_ifacename);
        return names;
    }
    Words session_ids() override {
        Words ids;
        for (const auto& session : sessions()) ids.push_back(fmt::to_string(session.sid));
        return ids;
    }
    Words hosts() override {
        Words numbers;
        for (const auto& session : sessions()) numbers.push_back(fmt::to_string(session.host_no));
        return numbers;
    }

private:
    std::vector<store::NodeId> nodes(const std::optional<std::string>& target) {
        return app_.store()
            .find({.target = target, .portal = {}, .iface = {}})
            .value_or(std::vector<store::NodeId>());
    }
    Sessions sessions() {
        return list_sessions(app_.daemon(), {}).value_or(SessionList()).sessions;
    }

    App& app_;
};

}  // namespace

std::vector<std::string> complete(std::span<const char* const> words, LiveState& state) {
    if (words.empty()) return {};
    const std::string_view word = words.back();
    auto found = candidates(word, read_before(words.first(words.size() - 1)), state);
    std::erase_if(found, [&](const std::string& text) { return !text.starts_with(word); });
    std::ranges::sort(found);
    const auto repeats = std::ranges::unique(found);
    found.erase(repeats.begin(), repeats.end());
    return found;
}

int run_completion(App& app, std::span<const char* const> words) {
    Machine machine(app);
    for (const auto& text : complete(words, machine)) app.out().line("{}", text);
    return 0;
}

}  // namespace iscsi::iscsiadm

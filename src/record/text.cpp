// SPDX-License-Identifier: LGPL-2.1-or-later
#include "record/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/numbers.hpp"
#include "base/version.hpp"
#include "record/values.hpp"

namespace iscsi::record {

namespace {

constexpr std::string_view kBlanks = " \t\r\n\v\f";
constexpr std::string_view kMask = "********";
constexpr std::string_view kEmpty = "<empty>";

struct Assigned {
    std::string_view name;
    std::string_view value;
};

// What one line says: an assignment, nothing, or a fault.
struct LineResult {
    std::optional<Assigned> assigned;
    std::string_view fault;  // the end of a warning, empty for none
};

// The character after the name is passed over whatever it is: so "key=value" lacks its '=', while
// "key =value" and "key==value" have one (Compat).
LineResult parse_line(std::string_view line) {
    line = base::trim(line);
    if (line.empty() || line.starts_with('#')) return {};
    const auto name_end = line.find_first_of(" \t\r\n\v\f=");
    if (name_end == std::string_view::npos) return {{}, "does not have value"};
    const auto name = line.substr(0, name_end);
    if (name.size() > kNameBytesMax) return {{}, "name too long."};
    line.remove_prefix(name_end + 1);
    line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
    if (!line.starts_with('=')) return {{}, "does not have '=' separator"};
    const auto value = base::trim(line.substr(1));
    if (value.empty()) return {{}, "does not have value"};
    if (name.empty()) return {};  // Compat: a key that nobody knows, and none that could be kept
    return {Assigned{name, value}, {}};
}

// Takes the next line off `text`, without its line feed. One that is too long, or the last one when
// it lacks its line feed, comes with `whole` false: only so much of it as open-iscsi reads at once.
struct Line {
    std::string_view text;
    bool whole = true;
};
Line take_line(std::string_view& text) {
    const auto feed = text.substr(0, kLineBytesMax).find('\n');
    const bool whole = feed != std::string_view::npos;
    const auto size = whole ? feed : std::min(text.size(), kLineBytesMax);
    const std::string_view line = text.substr(0, size);
    text.remove_prefix(whole ? size + 1 : size);
    return {line.substr(0, line.find('\0')), whole};
}

// Kept short enough to be written back as one line. `used`: see UnknownKey.
void keep_unknown(UnknownKeys& unknown, Assigned assigned, std::string used = {}) {
    constexpr std::string_view kAround = " = \n";
    const auto room = kLineBytesMax - assigned.name.size() - kAround.size();
    assigned.value = base::trim(assigned.value.substr(0, room));
    const auto known = std::ranges::find(unknown, assigned.name, &UnknownKey::name);
    if (known != unknown.end()) {
        known->value = assigned.value;
        known->used = std::move(used);
    } else {
        unknown.push_back(
            {std::string(assigned.name), std::string(assigned.value), std::move(used)});
    }
}

template <class Record>
class Parser {
public:
    Parser(Record& record, const ParseOptions& options) : record_(record), options_(options) {}

    std::vector<Warning> run(std::string_view text) {
        while (!text.empty()) {
            ++line_number_;
            const Line line = take_line(text);
            if (!line.whole) {
                warn("Config file line {} too long.", line_number_);
                continue;
            }
            const LineResult result = parse_line(line.text);
            if (!result.fault.empty()) {
                warn("Config file line {} {}", line_number_, result.fault);
            } else if (result.assigned) {
                assign(*result.assigned);
            }
        }
        return std::move(warnings_);
    }

private:
    void assign(const Assigned& assigned) {
        const auto* const key = schema<Record>().find(assigned.name);
        if (key == nullptr) {
            if (options_.keep_unknown) keep_unknown(record_.unknown, assigned);
            return;
        }
        if (assigned.value.size() > kValueBytesMax) {
            warn("Config file line {} value too long.", line_number_);
        }
        const bool taken = options_.enforce_ranges ? is_allowed(key->info, assigned.value)
                                                   : is_of_type(key->info, assigned.value);
        if (!taken) {
            warn("line {}: {}", line_number_,
                 describe_wrong(key->info, {assigned.value, key->text(record_)}));
            // Compat: a word that is none gives way to the one in use.
            if (options_.keep_unknown && is_number(key->info.type)) {
                keep_unknown(record_.unknown, assigned, key->text(record_));
            }
            return;
        }
        std::erase_if(record_.unknown,
                      [&](const auto& each) { return each.name == key->info.name; });
        const SetResult result = key->set(record_, key->info, assigned.value);
        for (const auto& note : result.notes) warnings_.push_back({line_number_, note});
    }

    template <class... Args>
    void warn(fmt::format_string<Args...> format, Args&&... args) {
        warnings_.push_back({line_number_, fmt::format(format, std::forward<Args>(args)...)});
    }

    Record& record_;
    const ParseOptions& options_;
    std::size_t line_number_ = 0;
    std::vector<Warning> warnings_;
};

// Whether a file has the key, provided that its value is not empty. Compat: the early iface keys of
// a node's file do not ask for the address family.
template <class Record>
bool is_in_file(const Key<Record>& key, const Record& record) {
    if (is_shown(key, record)) return true;
    return key.info.visibility != Visibility::Hidden &&
           schema<Record>().is_first_in_file(key.info.name);
}

// A value never breaks out of its line, wherever it came from.
std::string_view one_line(std::string_view value) {
    return value.substr(0, value.find_first_of(std::string_view("\n\0", 2)));
}

// What a file says of a key: the record's value, or what that value was used for want of.
template <class Record>
std::string text_in_file(const Key<Record>& key, const Record& record) {
    std::string value = key.text(record);
    const auto found = std::ranges::find(record.unknown, key.info.name, &UnknownKey::name);
    return found != record.unknown.end() && found->used == value ? found->value : value;
}

void append_line(std::string& text, std::string_view name, std::string_view value) {
    text.append(name).append(" = ").append(one_line(value)).push_back('\n');
}

std::string begin_line() { return fmt::format("# BEGIN RECORD {}\n", base::kVersion); }
constexpr std::string_view kEndLine = "# END RECORD\n";

}  // namespace

bool is_record(std::string_view text) {
    static constexpr auto kKinds =
        std::to_array<std::string_view>({"node.", "iface.", "discovery.", "host.", "flashnode."});
    while (!text.empty()) {
        const auto line = base::trim(take_line(text).text);
        if (std::ranges::any_of(kKinds, [&](auto kind) { return line.starts_with(kind); })) {
            return true;
        }
    }
    return false;
}

std::vector<AssignedLine> assigned_lines(std::string_view text) {
    std::vector<AssignedLine> lines;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const Line line = take_line(text);
        if (!line.whole) continue;
        if (const auto assigned = parse_line(line.text).assigned) {
            lines.push_back({number, assigned->name, assigned->value});
        }
    }
    return lines;
}

template <class Record>
std::vector<Warning> parse_into(Record& record, std::string_view text,
                                const ParseOptions& options) {
    return Parser<Record>(record, options).run(text);
}

template <class Record>
std::string print_file(const Record& record) {
    std::string text = begin_line();
    for (const auto* key : schema<Record>().file_order()) {
        if (!is_in_file(*key, record)) continue;
        const std::string value = text_in_file(*key, record);
        if (!value.empty()) append_line(text, key->info.name, value);
    }
    for (const auto& unknown : record.unknown) {
        if (schema<Record>().find(unknown.name) != nullptr) continue;
        append_line(text, unknown.name, unknown.value);
    }
    return text += kEndLine;
}

template <class Record>
std::string print_shown(const Record& record, bool reveal_secrets) {
    std::string text = begin_line();
    for (const auto* key : schema<Record>().show_order()) {
        if (!is_shown(*key, record)) continue;
        const std::string value = key->text(record);
        const bool masked = key->info.visibility == Visibility::Masked && !reveal_secrets;
        append_line(text, key->info.name, value.empty() ? kEmpty : masked ? kMask : value);
    }
    return text += kEndLine;
}

std::string_view or_empty(std::string_view value) { return value.empty() ? kEmpty : value; }

#define ISCSI_INSTANTIATE(Record)                                                             \
    template std::vector<Warning> parse_into(Record&, std::string_view, const ParseOptions&); \
    template std::string print_file(const Record&);                                           \
    template std::string print_shown(const Record&, bool);
ISCSI_INSTANTIATE(Node)
ISCSI_INSTANTIATE(Iface)
ISCSI_INSTANTIATE(SendTargets)
ISCSI_INSTANTIATE(Isns)
ISCSI_INSTANTIATE(HostChap)
ISCSI_INSTANTIATE(Flashnode)
#undef ISCSI_INSTANTIATE

}  // namespace iscsi::record

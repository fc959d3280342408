// SPDX-License-Identifier: LGPL-2.1-or-later
#include "store/conf.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/numbers.hpp"
#include "base/spelling.hpp"
#include "record/values.hpp"
#include "store/tree.hpp"

namespace iscsi::store {

namespace {

using base::ErrorCode;

constexpr std::size_t kConfBytesMax = 1024UL * 1024;
constexpr std::size_t kSimpleLineBytes = 1023;   // what open-iscsi looks at of a line
constexpr std::size_t kIscsiNameBytesMax = 223;  // RFC 7143 section 4.2.7.1

struct SimpleValue {
    std::size_t line;  // from 1
    std::string_view value;
};

std::optional<SimpleValue> find_simple(std::string_view text, std::string_view key) {
    std::size_t number = 0;
    for (auto line : base::split(text, '\n')) {
        ++number;
        line = line.substr(0, kSimpleLineBytes);
        const auto at = line.find(key);
        if (at == std::string_view::npos || line.substr(0, at).contains('#')) continue;
        const auto equals = line.find('=', at + key.size());
        if (equals == std::string_view::npos) continue;
        return SimpleValue{number, base::trim(line.substr(equals + 1))};
    }
    return std::nullopt;
}

// The iscsid.* keys, by the simple rule.
std::vector<record::Warning> read_daemon(record::Daemon& daemon, std::string_view text) {
    std::vector<record::Warning> warnings;
    for (const auto* key : record::schema<record::Daemon>().show_order()) {
        const auto found = find_simple(text, key->info.name);
        if (!found || found->value.empty()) continue;
        if (record::is_allowed(key->info, found->value)) {
            (void)key->set(daemon, key->info, found->value);  // allowed, so understood
        } else {
            warnings.push_back(
                {found->line, fmt::format("line {}: {}", found->line,
                                          record::describe_wrong(
                                              key->info, {found->value, key->text(daemon)}))});
        }
    }
    return warnings;
}

// What a misspelt key was meant to be, and the value that it has without it.
struct Meant {
    std::string_view name;  // empty: nothing is near enough
    std::string value;
};

bool is_known(std::string_view name) {
    constexpr std::string_view kTransportAlias = "node.transport_name";
    return name == kTransportAlias || record::schema<record::Node>().find(name) ||
           record::schema<record::SendTargets>().find(name) ||
           record::schema<record::Isns>().find(name) || record::schema<record::Daemon>().find(name);
}

template <class Record>
void consider(Meant& meant, std::string_view name, const Record& record) {
    const auto nearest = record::nearest_name<Record>(name);
    if (nearest.empty()) return;
    const bool is_nearer = meant.name.empty() || base::edit_distance(name, nearest) <
                                                     base::edit_distance(name, meant.name);
    if (is_nearer) meant = {nearest, record::schema<Record>().find(nearest)->text(record)};
}

// Logs are read by more people than the file: what may be a secret, also under a misspelt name,
// stays out of them.
bool may_be_secret(std::string_view name) {
    return name.contains(".auth.") || name.contains("pass") || name.contains("secret");
}

record::Warning describe_unknown(const record::AssignedLine& line, const Conf& conf) {
    constexpr std::string_view kMask = "********";
    Meant meant;
    consider(meant, line.name, conf.daemon);
    consider(meant, line.name, conf.node);
    consider(meant, line.name, conf.send_targets);
    consider(meant, line.name, conf.isns);
    const bool masked = may_be_secret(line.name) || may_be_secret(meant.name);
    auto text = fmt::format("line {}: {} = {}: unknown key", line.line, line.name,
                            masked ? kMask : line.value);
    if (meant.name.empty()) return {line.line, text + ", the line is passed over"};
    text += fmt::format(", did you mean {}?", meant.name);
    if (!masked) text += fmt::format(" {} is used", record::or_empty(meant.value));
    return {line.line, std::move(text)};
}

std::vector<record::Warning> find_unknown_keys(const Conf& conf, std::string_view text) {
    std::vector<record::Warning> found;
    for (const auto& line : record::assigned_lines(text)) {
        if (!is_known(line.name)) found.push_back(describe_unknown(line, conf));
    }
    return found;
}

// Keys of other kinds of record are no mistakes here, so only the first reading's warnings about a
// line's form count, and each reading's about its own values.
void add_warnings(std::vector<record::Warning>& all, std::vector<record::Warning> more) {
    for (auto& warning : more) {
        if (std::ranges::find(all, warning) == all.end()) all.push_back(std::move(warning));
    }
}

bool is_iscsi_name(std::string_view name) {
    if (name.size() > kIscsiNameBytesMax) return false;
    const bool known_type =
        name.starts_with("iqn.") || name.starts_with("eui.") || name.starts_with("naa.");
    return known_type && std::ranges::none_of(name, [](char c) {
               return c == ' ' || static_cast<unsigned char>(c) < 0x20 || c == '/' || c == ',';
           });
}

}  // namespace

base::Result<Conf> load_conf(os::Files& files, const std::string& path) {
    const auto text = files.read(path, kConfBytesMax);
    if (!text) {
        auto failed = os::fail_file(ErrorCode::Database, text.error(), path);
        failed.error().message += text.error().number == ENOENT
                                      ? " (install the default iscsid.conf there)"
                                      : " (make it a file that root can read)";
        return failed;
    }
    Conf conf;
    constexpr record::ParseOptions kOthersKeys{.keep_unknown = false, .enforce_ranges = true};
    add_warnings(conf.warnings, record::parse_into(conf.node, *text, kOthersKeys));
    add_warnings(conf.warnings, record::parse_into(conf.send_targets, *text, kOthersKeys));
    add_warnings(conf.warnings, record::parse_into(conf.isns, *text, kOthersKeys));
    if (record::has_secrets(conf.node) || record::has_secrets(conf.send_targets)) {
        if (auto warning = exposed(files, path)) conf.warnings.push_back(std::move(*warning));
    }
    add_warnings(conf.warnings, read_daemon(conf.daemon, *text));
    conf.unknown_keys = find_unknown_keys(conf, *text);
    return conf;
}

base::Result<Identity> load_identity(os::Files& files, const std::string& path) {
    constexpr std::string_view kRemedy =
        "write `InitiatorName=` and the name there; `iscsi-iname` makes one";
    const auto text = files.read(path, kConfBytesMax);
    if (!text) {
        auto failed = os::fail_file(ErrorCode::Invalid, text.error(), path);
        failed.error().message += fmt::format(" ({})", kRemedy);
        return failed;
    }
    Identity identity{.initiator_name = find_simple_value(*text, "InitiatorName"),
                      .initiator_alias = find_simple_value(*text, "InitiatorAlias")};
    if (identity.initiator_name.empty()) {
        return base::fail(ErrorCode::Invalid, "{}: no InitiatorName ({})", path, kRemedy);
    }
    if (!is_iscsi_name(identity.initiator_name)) {
        return base::fail(
            ErrorCode::Invalid,
            "{}: '{}' is no iSCSI name; it must start with iqn., eui. or naa., have no "
            "blanks and at most {} bytes",
            path, identity.initiator_name, kIscsiNameBytesMax);
    }
    return identity;
}

std::string find_simple_value(std::string_view text, std::string_view key) {
    const auto found = find_simple(text, key);
    return found ? std::string(found->value) : std::string();
}

}  // namespace iscsi::store

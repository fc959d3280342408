// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/secret_values.hpp"

#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "os/files.hpp"
#include "record/schema.hpp"

namespace iscsi::iscsiadm {

namespace {

using base::ErrorCode;

// Enough for the longest secret and then some; a secret that is cut would be a riddle.
constexpr std::size_t kFileBytesMax = 4096;

template <class Record>
bool is_secret_of(std::string_view name) {
    const auto* key = record::schema<Record>().find(name);
    return key != nullptr && key->info.type == record::Type::Secret;
}

bool is_secret(std::string_view name) {
    return is_secret_of<record::Node>(name) || is_secret_of<record::SendTargets>(name) ||
           is_secret_of<record::HostChap>(name);
}

std::string first_line(std::string_view text) {
    auto line = text.substr(0, text.find('\n'));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return std::string(line);
}

base::Result<std::string> read_line(std::FILE* input) {
    std::string text;
    for (int c = std::fgetc(input); c != EOF && c != '\n' && text.size() < kFileBytesMax;
         c = std::fgetc(input)) {
        text += static_cast<char>(c);
    }
    if (text.empty()) {
        return base::fail(ErrorCode::Invalid, "standard input: no value for -v - in it");
    }
    return first_line(text);
}

// Waits for a pipe's writer, as in `-v @<(...)`, where os::Files::read would not.
base::Result<std::string> read_file(const std::string& path) {
    const std::unique_ptr<std::FILE, decltype(&std::fclose)> file(std::fopen(path.c_str(), "re"),
                                                                  &std::fclose);
    if (!file) return os::fail_file(ErrorCode::Invalid, os::Errno{errno}, path);
    std::string text(kFileBytesMax + 1, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), file.get()));
    const int error = text.size() > kFileBytesMax ? EFBIG : errno;
    if (text.size() > kFileBytesMax || std::ferror(file.get()) != 0) {
        return os::fail_file(ErrorCode::Invalid, os::Errno{error}, path);
    }
    auto line = first_line(text);
    if (line.empty()) {
        return base::fail(ErrorCode::Invalid, "{}: the value should stand in its first line", path);
    }
    return line;
}

// Whether "@PATH" means a file.
bool names_a_file(const std::string& path) {
    if (path.starts_with('/')) return true;
    return os::system_files().info(path).has_value();
}

}  // namespace

base::Status fetch_secret_values(std::span<record::Assignment> assignments, std::FILE* input) {
    for (auto& [name, value] : assignments) {
        if (!is_secret(name)) continue;
        if (value == "-") {
            ISCSI_TRY(value, read_line(input));
        } else if (value.starts_with('@') && value.size() > 1 && names_a_file(value.substr(1))) {
            ISCSI_TRY(value, read_file(value.substr(1)));
        }
    }
    return {};
}

}  // namespace iscsi::iscsiadm

// SPDX-License-Identifier: LGPL-2.1-or-later
// One list of fields per struct, used both to write and to read JSON. Private to userlink.
#pragma once

#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "userlink/types.hpp"

namespace iscsi::userlink {

std::string to_hex(std::string_view bytes);
bool from_hex(std::string_view hex, std::string& out);

// A field whose value is raw bytes: hexadecimal on the wire.
struct Bytes {
    std::string& value;
};
struct IsidField {
    Isid& value;
};

class Writer {
public:
    explicit Writer(nlohmann::json& out) : out_(out) {}
    template <class T>
    void operator()(const char* name, const T& value) {
        if constexpr (std::is_same_v<T, Bytes>) {
            out_[name] = to_hex(value.value);
        } else if constexpr (std::is_same_v<T, IsidField>) {
            out_[name] = to_hex(std::string(value.value.begin(), value.value.end()));
        } else if constexpr (std::is_enum_v<T>) {
            out_[name] = std::to_underlying(value);
        } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
            out_[name] = value;
        } else {
            Writer inner(out_[name] = nlohmann::json::object());
            fields(inner, const_cast<T&>(value));  // the shared list takes a reference to write to
        }
    }
    template <class T>
    void operator()(const char* name, const std::vector<T>& list) {
        auto& array = out_[name] = nlohmann::json::array();
        for (const T& item : list) {
            Writer inner(array.emplace_back(nlohmann::json::object()));
            fields(inner, const_cast<T&>(item));
        }
    }
    // An enumeration that ends with `last`.
    template <class T>
    void bounded(const char* name, const T& value, T) {
        (*this)(name, value);
    }

private:
    nlohmann::json& out_;
};

// Absent fields keep their value; a wrong type or range is remembered (the first one).
class Reader {
public:
    Reader(const nlohmann::json& in, std::string& problem) : in_(in), problem_(problem) {}
    template <class T>
    void operator()(const char* name, T&& value) {
        const auto found = in_.find(name);
        if (found == in_.end()) return;
        if (!read(*found, value) && problem_.empty()) problem_ = name;
    }
    template <class T>
    void bounded(const char* name, T& value, T last) {
        auto number = std::to_underlying(value);
        (*this)(name, number);
        if (number > std::to_underlying(last)) {
            if (problem_.empty()) problem_ = name;
            return;
        }
        value = static_cast<T>(number);
    }

private:
    static bool read(const nlohmann::json& in, bool& out) {
        if (!in.is_boolean()) return false;
        out = in.get<bool>();
        return true;
    }
    static bool read(const nlohmann::json& in, std::string& out) {
        if (!in.is_string()) return false;
        out = in.get_ref<const std::string&>();
        return true;
    }
    static bool read(const nlohmann::json& in, Bytes out) {
        return in.is_string() && from_hex(in.get_ref<const std::string&>(), out.value);
    }
    static bool read(const nlohmann::json& in, IsidField out) {
        std::string raw;
        if (!read(in, Bytes{raw}) || raw.size() != out.value.size()) return false;
        for (std::size_t i = 0; i < raw.size(); ++i) {
            out.value[i] = static_cast<std::uint8_t>(raw[i]);
        }
        return true;
    }
    template <class T>
        requires(std::is_integral_v<T> && !std::is_same_v<T, bool>)
    static bool read(const nlohmann::json& in, T& out) {
        if (in.is_number_unsigned()) {
            const auto value = in.get<std::uint64_t>();
            if (!std::in_range<T>(value)) return false;
            out = static_cast<T>(value);
            return true;
        }
        if (!in.is_number_integer()) return false;
        const auto value = in.get<std::int64_t>();
        if (!std::in_range<T>(value)) return false;
        out = static_cast<T>(value);
        return true;
    }
    template <class T>
        requires(std::is_class_v<T>)
    bool read(const nlohmann::json& in, T& out) {
        if (!in.is_object()) return false;
        Reader inner(in, problem_);
        fields(inner, out);
        return true;
    }
    template <class T>
    bool read(const nlohmann::json& in, std::vector<T>& out) {
        if (!in.is_array() || in.size() > kListMax) return false;
        out.clear();
        for (const auto& item : in) {
            if (!read(item, out.emplace_back())) return false;
        }
        return true;
    }

    static constexpr std::size_t kListMax = 4096;
    const nlohmann::json& in_;
    std::string& problem_;
};

}  // namespace iscsi::userlink

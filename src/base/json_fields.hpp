// SPDX-License-Identifier: LGPL-2.1-or-later
// One list of fields per struct, used both to write and to read JSON, for messages between our own
// programs:
//
//     template <class Archive>
//     void fields(Archive& a, Portal& p) { a("address", p.address); a("port", p.port); }
//
// `fields` stands in the struct's namespace. A reader keeps the default of a field that is not
// there, so that programs of different versions understand each other; a field of the wrong type,
// range or size is a refusal.
//
// What JSON has no type for is a field of a wrapper (by value, holding a reference) with
// `nlohmann::json to_json_field(Wrapper)` and `bool from_json_field(const nlohmann::json&,
// Wrapper)` beside it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace iscsi::base {

template <class T>
concept JsonWrapper = requires(T value) { to_json_field(value); };

class JsonWriter {
public:
    explicit JsonWriter(nlohmann::json& out) : out_(out) {}

    template <class T>
    void operator()(const char* name, const T& value) {
        write(out_[name], value);
    }
    // An enumeration whose last value is `last`.
    template <class T>
    void bounded(const char* name, const T& value, T /*last*/) {
        out_[name] = std::to_underlying(value);
    }

private:
    template <class T>
    static void write(nlohmann::json& out, const T& value) {
        if constexpr (JsonWrapper<T>) {
            out = to_json_field(value);
        } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
            out = value;
        } else {
            out = nlohmann::json::object();
            JsonWriter inner(out);
            fields(inner, const_cast<T&>(value));  // the shared list takes a reference to write to
        }
    }
    template <class T>
    static void write(nlohmann::json& out, const std::vector<T>& list) {
        out = nlohmann::json::array();
        for (const T& item : list) write(out.emplace_back(), item);
    }

    nlohmann::json& out_;
};

class JsonReader {
public:
    // `problem` gets the name of the first field that is wrong.
    JsonReader(const nlohmann::json& in, std::string& problem) : in_(in), problem_(problem) {}

    template <class T>
    void operator()(const char* name, T&& value) {
        const auto found = in_.find(name);
        if (found == in_.end()) return;
        if (!read(*found, value)) report(name);
    }
    template <class T>
    void bounded(const char* name, T& value, T last) {
        auto number = std::to_underlying(value);
        (*this)(name, number);
        if (number > std::to_underlying(last)) return report(name);
        value = static_cast<T>(number);
    }
    void report(const char* name) {
        if (problem_.empty()) problem_ = name;
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
    template <class T>
        requires(std::is_integral_v<T> && !std::is_same_v<T, bool>)
    static bool read(const nlohmann::json& in, T& out) {
        if (in.is_number_unsigned()) return fit(in.get<std::uint64_t>(), out);
        if (in.is_number_integer()) return fit(in.get<std::int64_t>(), out);
        return false;
    }
    template <class From, class T>
    static bool fit(From value, T& out) {
        if (!std::in_range<T>(value)) return false;
        out = static_cast<T>(value);
        return true;
    }
    template <JsonWrapper T>
    static bool read(const nlohmann::json& in, T& out) {
        return from_json_field(in, out);
    }
    template <class T>
        requires(std::is_class_v<T> && !JsonWrapper<T>)
    bool read(const nlohmann::json& in, T& out) {
        if (!in.is_object()) return false;
        JsonReader inner(in, problem_);
        fields(inner, out);
        return true;
    }
    template <class T>
    bool read(const nlohmann::json& in, std::vector<T>& out) {
        if (!in.is_array() || in.size() > kListMax) return false;
        out.clear();
        for (const auto& item : in) {
            T value{};
            if (!read(item, value)) return false;
            out.push_back(std::move(value));
        }
        return true;
    }

    static constexpr std::size_t kListMax = 65536;  // LUNs of a session
    const nlohmann::json& in_;
    std::string& problem_;
};

}  // namespace iscsi::base

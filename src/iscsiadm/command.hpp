// SPDX-License-Identifier: LGPL-2.1-or-later
// One command line of iscsiadm, understood.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "record/portal.hpp"
#include "record/update.hpp"

namespace iscsi::iscsiadm {

// -m. Discovery and DiscoveryDb take the same options.
enum class Mode : std::uint8_t { Discovery, DiscoveryDb, Node, Session, Host, Iface, Firmware };

// -o. May be given several times; what a combination means is up to the mode.
enum class Op : std::uint16_t {
    New = 0x1,
    Delete = 0x2,
    Update = 0x4,
    Show = 0x8,
    Nonpersistent = 0x10,
    Apply = 0x20,
    ApplyAll = 0x40,
    Login = 0x80,
    Logout = 0x100,
};

class Ops {
public:
    Ops() = default;
    explicit Ops(Op op) { add(op); }
    void add(Op op) { bits_ = static_cast<std::uint16_t>(bits_ | static_cast<std::uint16_t>(op)); }
    bool has(Op op) const { return (bits_ & static_cast<std::uint16_t>(op)) != 0; }
    bool none() const { return bits_ == 0; }
    // Exactly this one.
    bool is(Op op) const { return bits_ == static_cast<std::uint16_t>(op); }
    bool operator==(const Ops&) const = default;

private:
    std::uint16_t bits_ = 0;
};

// -C
enum class SubMode : std::uint8_t { None, Ping, Chap, Flashnode, Stats };
// -t. None: not given, or a word that nobody knows.
enum class DiscoveryKind : std::uint8_t { None, SendTargets, Isns, Firmware, Slp };
// -L and -U
enum class Group : std::uint8_t { All, Manual, Automatic, Onboot };

struct Command {
    Mode mode = Mode::Node;
    std::optional<std::int32_t> kill_priority;  // -k; the mode is then of no concern
    Ops ops;
    SubMode submode = SubMode::None;
    DiscoveryKind type = DiscoveryKind::None;

    std::optional<std::string> target;
    // The tag selects nothing, it is for new records. `portal_text` is what the user typed.
    std::optional<record::Portal> portal;
    std::string portal_text;
    bool portal_is_empty = false;  // `-p ''` or `-p ,TAG`; `portal` is then unset
    std::vector<std::string> ifaces;
    std::optional<std::uint32_t> host;
    std::optional<std::string> host_mac;  // -H with a MAC address; `host` is then unset
    std::optional<std::uint64_t> sid;
    std::vector<record::Assignment> assignments;

    bool discover = false;
    bool login = false;
    bool logout = false;
    bool rescan = false;
    bool stats = false;
    bool show_secrets = false;
    bool no_wait = false;
    bool json = false;
    // The words themselves: they are checked when they are used.
    std::optional<std::string> login_group;
    std::optional<std::string> logout_group;
    std::optional<std::int32_t> print_level;  // -P; a negative one counts as none
    std::int32_t debug = 0;

    struct Ping {
        std::optional<std::string> address;
        std::int32_t packet_size = 32;
        std::int32_t count = 1;
        std::int32_t interval = 0;  // seconds
    } ping;
    std::optional<std::uint32_t> index;  // -x
    std::optional<std::string> portal_type;

    // Print level, when a meaningful one was given.
    std::int32_t level() const { return print_level.value_or(-1); }
};

}  // namespace iscsi::iscsiadm

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/options.hpp"

#include <array>

namespace iscsi::iscsiadm {

namespace {

using enum Mode;

constexpr Modes kDiscoveries{Discovery, DiscoveryDb};
constexpr Modes kNone{};

// In this order getopt names the possibilities of an ambiguous abbreviation.
constexpr auto kOptions = std::to_array<OptionInfo>({
    {'m',
     "mode",
     "mode",
     {Discovery, DiscoveryDb, Node, Session, Host, Iface, Firmware},
     "What to work on: discoverydb, discovery, node, session, iface, fw or host"},
    {'p',
     "portal",
     "ip[:port][,tag]",
     {Discovery, DiscoveryDb, Node},
     "Target portal; IPv6 addresses in brackets when a port follows"},
    {'T', "targetname", "name", {Node}, "Name of a target"},
    {'I',
     "interface",
     "iface",
     {Discovery, DiscoveryDb, Node, Iface},
     "Record of an interface; may be repeated in the discovery modes"},
    {'o',
     "op",
     "operation",
     {Discovery, DiscoveryDb, Node, Session, Host, Iface},
     "One of new, delete, update, show, nonpersistent, apply, applyall, login or logout"},
    {'t',
     "type",
     "type",
     {Discovery, DiscoveryDb, Host},
     "How to discover: sendtargets (st), isns (its records alone) or fw"},
    {'n',
     "name",
     "key",
     {Discovery, DiscoveryDb, Node, Session, Host, Iface, Firmware},
     "Key to set; needs --value, pairs may be repeated"},
    {'v',
     "value",
     "value",
     {Discovery, DiscoveryDb, Node, Session, Host, Iface, Firmware},
     "Value for the key"},
    {'H', "host", "hostno|MAC", {Host, Iface}, "Adapter, by its SCSI host"},
    {'r', "sid", "sid|path", {Session}, "Session id, or a path below the session in sysfs"},
    {'R', "rescan", "", {Node, Session}, "Look for new and changed LUNs"},
    {'P',
     "print",
     "level",
     {Discovery, DiscoveryDb, Node, Session, Host, Iface},
     "How much to print, from 0"},
    {'D', "discover", "", kDiscoveries, "Run the discovery"},
    {'l', "login", "", {Discovery, DiscoveryDb, Node, Firmware}, "Log in"},
    {'L',
     "loginall",
     "all|manual|automatic|onboot",
     {Node},
     "Log in to all records with this startup value"},
    {'u', "logout", "", {Node, Session}, "Log out"},
    {'U',
     "logoutall",
     "all|manual|automatic",
     {Node},
     "Log out of all sessions whose record has this startup value"},
    {'s', "stats", "", {Node, Session}, "Print counters of sessions"},
    {'d',
     "debug",
     "level",
     {Discovery, DiscoveryDb, Node, Session, Host, Iface, Firmware},
     "Say what is being done, 0 to 8"},
    {'k', "killiscsid", "priority", kNone, "Stop iscsid; the priority must be 0"},
    {'V', "version", "", kNone, "Print the version"},
    {'h', "help", "", kNone, "Print how to use the program"},
    {'S', "show", "", {Discovery, DiscoveryDb, Node, Session}, "Print secrets in clear"},
    {'C',
     "submode",
     "ping|chap|flashnode|stats",
     {Host, Iface},
     "Ping (mode iface); chap, flashnode or stats (mode host)"},
    {'a', "ip", "address", {Iface}, "Whom to ping"},
    {'b', "packetsize", "bytes", {Iface}, "Size of a ping"},
    {'c', "count", "count", {Iface}, "Number of pings"},
    {'i', "interval", "seconds", {Iface}, "Pause between pings"},
    {'x', "index", "index", {Host}, "Index in the CHAP or flashnode table"},
    {'A',
     "portal_type",
     "ipv4|ipv6",
     {Host},
     "Kind of portal of a new flashnode",
     /*long_argument_optional=*/true},
    {'W', "no_wait", "", {Node, Firmware}, "Do not wait for the result of logins"},
    {kJsonOption,
     "json",
     "",
     {Discovery, DiscoveryDb, Node, Session, Host, Iface, Firmware},
     "Print one JSON document instead of text"},
});

constexpr auto kModes = std::to_array<ModeInfo>({
    {DiscoveryDb, "discoverydb", "discovery",
     "[-hV] [-d debug_level] [-P printlevel] [-t type -p ip:port -I ifaceN ... [-Dl]] | "
     "[[-p ip:port -t type] [-o operation] [-n name] [-v value] [-lD]] "},
    {Discovery, "discovery", "discovery",
     "[-hV] [-d debug_level] [-P printlevel] [-t type -p ip:port -I ifaceN ... [-l]] | "
     "[[-p ip:port] [-l | -D]] [-W]"},
    {Node, "node", "node",
     "[-hV] [-d debug_level] [-P printlevel] [-L all,manual,automatic,onboot] [-W] "
     "[-U all,manual,automatic,onboot] [-S] [[-T targetname -p ip:port -I ifaceN] "
     "[-l | -u | -R | -s]] [[-o operation ] [-n name] [-v value]]"},
    {Session, "session", "session",
     "[-hV] [-d debug_level] [-P printlevel] [-r sessionid | sysfsdir [-R | -u | -s] "
     "[-o operation] [-n name] [-v value]]"},
    {Iface, "iface", "iface",
     "[-hV] [-d debug_level] [-P printlevel] [-I ifacename | -H hostno|MAC] "
     "[[-o operation ] [-n name] [-v value]] "
     "[-C ping [-a ip] [-b packetsize] [-c count] [-i interval]]"},
    {Firmware, "fw", "fw", "[-d debug_level] [-l] [-W] [[-n name] [-v value]]"},
    {Host, "host", "host",
     "[-P printlevel] [-H hostno|MAC] [[-C chap [-x chap_tbl_idx]] | "
     "[-C flashnode [-A portal_type] [-x flashnode_idx]] | [-C stats]] "
     "[[-o operation] [-n name] [-v value]] "},
});

constexpr auto kOperations = std::to_array<OpInfo>({
    {"new", Op::New, {Discovery, DiscoveryDb, Node, Session, Host, Iface}},
    {"delete", Op::Delete, {Discovery, DiscoveryDb, Node, Host, Iface}},
    {"update", Op::Update, {Discovery, DiscoveryDb, Node, Host, Iface}},
    {"show", Op::Show, {DiscoveryDb, Node, Host, Iface}},
    {"nonpersistent", Op::Nonpersistent, {Discovery, DiscoveryDb}},
    {"apply", Op::Apply, {Iface}},
    {"applyall", Op::ApplyAll, {Iface}},
    {"login", Op::Login, {Host}},
    {"logout", Op::Logout, {Host}},
});

}  // namespace

std::span<const OptionInfo> options() { return kOptions; }
std::span<const OpInfo> operations() { return kOperations; }
std::span<const ModeInfo> modes() { return kModes; }

void print_usage(Output& output) {
    for (const auto& mode : kModes) output.line("iscsiadm -m {} {}", mode.word, mode.synopsis);
    output.line("iscsiadm -k priority");
}

int suggest_help(Output& output) {
    output.plain_error("Try `iscsiadm --help' for more information.");
    return static_cast<int>(base::ErrorCode::Invalid);
}

}  // namespace iscsi::iscsiadm

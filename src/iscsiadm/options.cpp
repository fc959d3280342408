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
     "what to work on: discoverydb, discovery, node, session, iface, fw or host"},
    {'p',
     "portal",
     "ip[:port][,tag]",
     {Discovery, DiscoveryDb, Node},
     "target portal; IPv6 addresses in brackets when a port follows"},
    {'T', "targetname", "name", {Node}, "iSCSI name of a target"},
    {'I',
     "interface",
     "iface",
     {Discovery, DiscoveryDb, Node, Iface},
     "iface record; may be repeated in the discovery modes"},
    {'o',
     "op",
     "operation",
     {Discovery, DiscoveryDb, Node, Session, Host, Iface},
     "new, delete, update, show, nonpersistent, apply, applyall, login or logout"},
    {'t',
     "type",
     "type",
     {Discovery, DiscoveryDb, Host},
     "how to discover: sendtargets (st), isns or fw"},
    {'n',
     "name",
     "key",
     {Discovery, DiscoveryDb, Node, Session, Host, Iface, Firmware},
     "key to set; needs --value, pairs may be repeated"},
    {'v',
     "value",
     "value",
     {Discovery, DiscoveryDb, Node, Session, Host, Iface, Firmware},
     "value for the key"},
    {'H', "host", "hostno|MAC", {Host, Iface}, "SCSI host of an adapter"},
    {'r', "sid", "sid|path", {Session}, "session id, or a path below the session in sysfs"},
    {'R', "rescan", "", {Node, Session}, "look for new and changed LUNs"},
    {'P',
     "print",
     "level",
     {Discovery, DiscoveryDb, Node, Session, Host, Iface},
     "how much to print, from 0"},
    {'D', "discover", "", kDiscoveries, "run the discovery"},
    {'l', "login", "", {Discovery, DiscoveryDb, Node, Firmware}, "log in"},
    {'L',
     "loginall",
     "all|manual|automatic|onboot",
     {Node},
     "log in to all records with this startup value"},
    {'u', "logout", "", {Node, Session}, "log out"},
    {'U',
     "logoutall",
     "all|manual|automatic",
     {Node},
     "log out of all sessions whose record has this startup value"},
    {'s', "stats", "", {Node, Session}, "print counters of sessions"},
    {'d',
     "debug",
     "level",
     {Discovery, DiscoveryDb, Node, Session, Host, Iface, Firmware},
     "say what is being done, 0 to 8"},
    {'k', "killiscsid", "priority", kNone, "stop iscsid; the priority must be 0"},
    {'V', "version", "", kNone, "print the version"},
    {'h', "help", "", kNone, "print how to use the program"},
    {'S', "show", "", {Discovery, DiscoveryDb, Node, Session}, "print secrets in clear"},
    {'C',
     "submode",
     "ping|chap|flashnode|stats",
     {Host, Iface},
     "ping (mode iface); chap, flashnode or stats (mode host)"},
    {'a', "ip", "address", {Iface}, "whom to ping"},
    {'b', "packetsize", "bytes", {Iface}, "size of a ping"},
    {'c', "count", "count", {Iface}, "number of pings"},
    {'i', "interval", "seconds", {Iface}, "pause between pings"},
    {'x', "index", "index", {Host}, "index in the CHAP or flashnode table"},
    {'A',
     "portal_type",
     "ipv4|ipv6",
     {Host},
     "kind of portal of a new flashnode",
     /*long_argument_optional=*/true},
    {'W', "no_wait", "", {Node, Firmware}, "do not wait for the result of logins"},
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

}  // namespace

std::span<const OptionInfo> options() { return kOptions; }
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

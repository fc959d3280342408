// SPDX-License-Identifier: LGPL-2.1-or-later
#include "record/manual.hpp"

#include <fmt/format.h>

#include <iterator>
#include <string_view>

#include "record/schema.hpp"
#include "record/values.hpp"

namespace iscsi::record {

namespace {

constexpr std::string_view kHead = R"(.\" SPDX-License-Identifier: LGPL-2.1-or-later
.\" Made from the schema of records; do not edit.
.Dd November 24, 2026
.Dt ISCSI-RECORDS 5
.Os
.Sh NAME
.Nm iscsi-records
.Nd keys of iscsid.conf and of the record database
.Sh DESCRIPTION
.Xr iscsiadm 8
keeps what it knows of targets, portals and interfaces in records, files of lines
.Pp
.Dl key = value
.Pp
with a blank before the equals sign.
Lines that start with
.Li #
are comments.
.Pa iscsid.conf
has the same form; what it says is the default of new records.
A value that a key does not take is reported with its line, and the default is used.
A key that nobody knows is passed over;
.Xr iscsid 8
logs the line, with the key that it may have been meant to be.
.Pp
For each key this page tells which values it takes, its default, whether
.Ql iscsiadm -o update
may set it, and the attribute in sysfs, where there is one, that tells the value in force.
All keys are those of open-iscsi 2.1.8, but for the ones that are said to be younger, or not in open-iscsi.
A younger key is written only when its value is not the default.
)";

constexpr std::string_view kTail = R"(.Sh FILES
.Bl -tag -width Ds
.It Pa /etc/iscsi/iscsid.conf
Defaults of new records, and the settings of
.Xr iscsid 8 .
.It Pa /etc/iscsi/nodes/TARGET/ADDRESS,PORT,TAG/IFACE
A node record.
.It Pa /etc/iscsi/ifaces/IFACE
An interface record.
.It Pa /etc/iscsi/send_targets/ADDRESS,PORT/st_config
A SendTargets record.
.It Pa /etc/iscsi/isns/ADDRESS,PORT/isns_config
A record of an iSNS server.
.El
.Sh SEE ALSO
.Xr iscsiadm 8 ,
.Xr iscsid 8
)";

std::string_view type_text(Type type) {
    switch (type) {
        case Type::Text:
            return "a text of at most 255 bytes";
        case Type::Secret:
            return "a secret of at most 255 bytes, masked when shown";
        case Type::Int:
        case Type::Uint8:
        case Type::Uint16:
        case Type::Uint32:
        case Type::YesNo:
        case Type::Word:
        case Type::WordList:
            break;
    }
    return "";
}

std::string_view setter(const KeyInfo& info) {
    if (info.name.starts_with("iscsid.")) return "set in iscsid.conf";
    switch (info.settable) {
        case Settable::Yes:
            return "may be set";
        case Settable::Identity:
            return "identifies the record, can not be set";
        case Settable::ThroughIface:
            return "set through the interface record";
    }
    return "";
}

std::string_view family_text(Family family) {
    switch (family) {
        case Family::Any:
            return "";
        case Family::Ipv4:
            return "IPv4 only; ";
        case Family::Ipv6:
            return "IPv6 only; ";
    }
    return "";
}

// Nothing of a key that 2.1.8 has.
std::string since_text(std::string_view version) {
    if (version == kSinceBeginning) return "";
    return version == kOursAlone ? "not in open-iscsi; "
                                 : fmt::format("since open-iscsi {}; ", version);
}

template <class Record>
void append_key(std::string& page, const Key<Record>& key) {
    const KeyInfo& info = key.info;
    const std::string words = allowed_values(info);
    const std::string standard = default_text(key);
    fmt::format_to(std::back_inserter(page), ".It Li {}\n{}\n.br\nTakes {}; ", info.name, info.doc,
                   words.empty() ? type_text(info.type) : words);
    fmt::format_to(std::back_inserter(page), "{}default {}; {}{}.\n", family_text(info.family),
                   standard.empty() ? "empty" : standard, since_text(info.since), setter(info));
    if (info.sysfs.empty()) return;
    fmt::format_to(std::back_inserter(page), "In sysfs:\n.Li {} .\n", info.sysfs);
}

struct Section {
    std::string_view title;
    std::string_view text;
    std::string_view prefix;  // which keys of the schema belong here
};

template <class Record>
void append_section(std::string& page, const Section& section) {
    fmt::format_to(std::back_inserter(page), ".Sh {}\n{}\n.Bl -tag -width Ds\n", section.title,
                   section.text);
    for (const auto* key : schema<Record>().show_order()) {
        const bool belongs = key->info.name.starts_with(section.prefix);
        if (belongs && key->info.visibility != Visibility::Hidden) append_key(page, *key);
    }
    page += ".El\n";
}

}  // namespace

std::string manual() {
    std::string page(kHead);
    append_section<Daemon>(
        page, {"THE DAEMON", "Settings of iscsid itself, in iscsid.conf alone.", "iscsid."});
    append_section<Node>(page, {"NODE RECORDS",
                                "A target at a portal, through an interface. The interface's keys "
                                "stand in it as a copy.",
                                "node."});
    append_section<Iface>(
        page,
        {"INTERFACE RECORDS",
         "What sessions are bound to, and the network settings of an offload port.", "iface."});
    append_section<SendTargets>(page,
                                {"SENDTARGETS RECORDS", "A portal to ask for its targets.", ""});
    append_section<Isns>(page, {"ISNS RECORDS", "A server to ask for targets.", ""});
    append_section<HostChap>(
        page, {"CHAP TABLES", "An entry of an offload adapter's table of names and secrets.", ""});
    append_section<Flashnode>(
        page, {"FLASH NODES", "A target in the flash memory of an offload adapter.", ""});
    return page += kTail;
}

}  // namespace iscsi::record

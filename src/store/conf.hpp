// SPDX-License-Identifier: LGPL-2.1-or-later
// iscsid.conf and initiatorname.iscsi.
//
// iscsid.conf is read three times by the rules of record files: for the defaults of node records
// (node.*, iface.*), of SendTargets records (discovery.sendtargets.*, node.session.auth.chap_algs)
// and of iSNS records (discovery.isns.*). Its iscsid.* keys, and initiatorname.iscsi, follow a
// simpler rule: the first line that contains the key with no '#' before it; the value is what
// follows '='.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "os/files.hpp"
#include "record/daemon.hpp"
#include "record/discovery.hpp"
#include "record/node.hpp"
#include "record/text.hpp"

namespace iscsi::store {

// What a new record starts from: the built-in defaults overridden by the file. Change of the file
// concerns new records only.
struct Conf {
    record::Node node;
    record::SendTargets send_targets;
    record::Isns isns;
    record::Daemon daemon;
    // One per faulty line, in open-iscsi's words, and one of line 0 when others may read the
    // secrets in the file; the program prints them.
    std::vector<record::Warning> warnings;
    // One per line whose key belongs to nothing, with the key that it was meant to be. For the
    // daemon's log: to iscsiadm, as to open-iscsi's, such a line may be of a newer version.
    std::vector<record::Warning> unknown_keys;
};

// Error (Database): no such file, or not readable; the message names the file and the remedy. The
// caller may go on with Conf{}, the built-in defaults.
base::Result<Conf> load_conf(os::Files& files, const std::string& path);

struct Identity {
    std::string initiator_name;
    std::string initiator_alias;  // empty: none given; iscsid then uses the host's name
};

// Error (Invalid): no file, no name in it, or not an iSCSI name (RFC 7143 section 4.2.7); the
// message names the file and the remedy.
base::Result<Identity> load_identity(os::Files& files, const std::string& path);

// The simple rule, on a text. Empty when the key is not there.
std::string find_simple_value(std::string_view text, std::string_view key);

}  // namespace iscsi::store

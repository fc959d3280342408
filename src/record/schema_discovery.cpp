// SPDX-License-Identifier: LGPL-2.1-or-later
// discovery.* keys, and the iscsid.* keys of iscsid.conf.
#include "record/codec.hpp"

namespace iscsi::record {

namespace {

constexpr Range kPorts{0, 65535};
constexpr Range kSeconds{0, kIntMax};

template <class Record>
std::vector<Key<Record>> head() {
    return {
        key<Record>(ISCSI_AT(startup),
                    {.name = "discovery.startup", .doc = "When to discover: at boot, or not."}),
        key<Record>(ISCSI_AT(type), {.name = "discovery.type",
                                     .doc = "Kind of discovery.",
                                     .settable = Settable::Identity}),
        key<Record>(ISCSI_AT(address), {.name = "discovery.sendtargets.address",
                                        .doc = "Address of the portal or server to ask.",
                                        .settable = Settable::Identity}),
        key<Record>(ISCSI_AT(port), {.name = "discovery.sendtargets.port",
                                     .doc = "Port of the portal or server to ask.",
                                     .range = kPorts,
                                     .settable = Settable::Identity}),
    };
}

void add_auth(std::vector<Key<SendTargets>>& keys) {
    keys.push_back(key<SendTargets>(ISCSI_AT(auth.authmethod),
                                    {.name = "discovery.sendtargets.auth.authmethod",
                                     .doc = "Whether to authenticate with CHAP."}));
    keys.push_back(key<SendTargets>(ISCSI_AT(auth.username),
                                    {.name = "discovery.sendtargets.auth.username",
                                     .doc = "CHAP name that we give to the target."}));
    keys.push_back(
        key<SendTargets>(ISCSI_AT(auth.password), {.name = "discovery.sendtargets.auth.password",
                                                   .doc = "CHAP secret that proves our name.",
                                                   .visibility = Visibility::Masked}));
    keys.push_back(length_key<SendTargets>(ISCSI_AT(auth.password),
                                           {.name = "discovery.sendtargets.auth.password_length",
                                            .doc = "Length of the secret; follows from it."}));
    keys.push_back(
        key<SendTargets>(ISCSI_AT(auth.username_in),
                         {.name = "discovery.sendtargets.auth.username_in",
                          .doc = "CHAP name that the target gives to us (mutual CHAP)."}));
    keys.push_back(key<SendTargets>(ISCSI_AT(auth.password_in),
                                    {.name = "discovery.sendtargets.auth.password_in",
                                     .doc = "CHAP secret that proves the target's name.",
                                     .visibility = Visibility::Masked}));
    keys.push_back(length_key<SendTargets>(ISCSI_AT(auth.password_in),
                                           {.name = "discovery.sendtargets.auth.password_in_length",
                                            .doc = "Length of the secret; follows from it."}));
    // Compat: open-iscsi uses the node's name for this key of the discovery record.
    keys.push_back(key<SendTargets>(ISCSI_AT(auth.chap_algs),
                                    {.name = "node.session.auth.chap_algs",
                                     .doc = "CHAP algorithms to offer, most wanted first."}));
}

void add_run(std::vector<Key<SendTargets>>& keys) {
    keys.push_back(
        key<SendTargets>(ISCSI_AT(timeo.login_timeout),
                         {.name = "discovery.sendtargets.timeo.login_timeout",
                          .doc = "Seconds that one attempt to connect and log in may take.",
                          .range = kSeconds}));
    keys.push_back(key<SendTargets>(ISCSI_AT(use_discoveryd),
                                    {.name = "discovery.sendtargets.use_discoveryd",
                                     .doc = "Let iscsid discover in the background."}));
    keys.push_back(
        key<SendTargets>(ISCSI_AT(discoveryd_poll_inval),
                         {.name = "discovery.sendtargets.discoveryd_poll_inval",
                          .doc = "Seconds between discoveries in the background; 0: only once."}));
    keys.push_back(key<SendTargets>(ISCSI_AT(reopen_max),
                                    {.name = "discovery.sendtargets.reopen_max",
                                     .doc = "How often a failed discovery login is tried again."}));
    keys.push_back(key<SendTargets>(ISCSI_AT(timeo.auth_timeout),
                                    {.name = "discovery.sendtargets.timeo.auth_timeout",
                                     .doc = "Seconds that authentication may take.",
                                     .range = kSeconds}));
    keys.push_back(key<SendTargets>(ISCSI_AT(timeo.active_timeout),
                                    {.name = "discovery.sendtargets.timeo.active_timeout",
                                     .doc = "Seconds to wait for the list of targets.",
                                     .range = kSeconds}));
    keys.push_back(key<SendTargets>(ISCSI_AT(iscsi.max_recv_data_segment_length),
                                    {.name = "discovery.sendtargets.iscsi.MaxRecvDataSegmentLength",
                                     .doc = "Most bytes per data segment that we take.",
                                     .range = Range{512, 16777215}}));
}

}  // namespace

template <>
const Schema<SendTargets>& schema<SendTargets>() {
    static const Schema<SendTargets> instance = [] {
        auto keys = head<SendTargets>();
        add_auth(keys);
        add_run(keys);
        return Schema<SendTargets>(std::move(keys));
    }();
    return instance;
}

template <>
const Schema<Isns>& schema<Isns>() {
    static const Schema<Isns> instance = [] {
        auto keys = head<Isns>();
        keys.push_back(
            key<Isns>(ISCSI_AT(use_discoveryd),
                      {.name = "discovery.isns.use_discoveryd",
                       .doc = "Let iscsid register with the server and follow its notices."}));
        keys.push_back(key<Isns>(
            ISCSI_AT(discoveryd_poll_inval),
            {.name = "discovery.isns.discoveryd_poll_inval",
             .doc = "Seconds between queries; 0: only once; -1: only on the server's notices."}));
        return Schema<Isns>(std::move(keys));
    }();
    return instance;
}

template <>
const Schema<Daemon>& schema<Daemon>() {
    static const Schema<Daemon> instance({
        key<Daemon>(ISCSI_AT(startup), {.name = "iscsid.startup",
                                        .doc = "Shell command that starts iscsid on demand."}),
        key<Daemon>(ISCSI_AT(safe_logout),
                    {.name = "iscsid.safe_logout",
                     .doc = "Refuse to log out of sessions whose disks are in use."}),
        key<Daemon>(ISCSI_AT(ipc_auth_uid),
                    {.name = "iscsid.ipc_auth_uid",
                     .doc = "Accept user id 0 as a peer, whatever its name."}),
        key<Daemon>(ISCSI_AT(user_fallback),
                    {.name = "iscsid.user_fallback",
                     .doc = "Carry sessions of tcp records in user space where the kernel has no "
                            "iSCSI.",
                     .since = kOursAlone}),
    });
    return instance;
}

}  // namespace iscsi::record

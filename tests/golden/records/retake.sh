#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Takes the golden record trees anew from the reference, open-iscsi 2.1.8's iscsiadm, in a private
# mount namespace: nothing of the machine's own configuration is read or changed.
#
#   trees/NAME/...      what the reference left in /etc/iscsi after the commands of step NAME
#   shown/NAME          what it printed for the records of that tree
#
# Run as root: tests/golden/records/retake.sh [path of the reference's iscsiadm]
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
export here reference=${1:-/sbin/iscsiadm}

exec unshare --mount bash -euo pipefail -s <<'STEPS'
private_root() {
    mount -t tmpfs -o mode=755 none /etc/iscsi
    mount -t tmpfs -o mode=755 none /run/lock
    echo "InitiatorName=iqn.2016-04.com.open-iscsi:golden" >/etc/iscsi/initiatorname.iscsi
    # Without iscsid the reference uses its built-in defaults, and must not try to start one.
    : >/etc/iscsi/iscsid.conf
    # iface updates look for a loaded transport; two text files are all they read of it.
    mount -t tmpfs none /sys/class
    mkdir -p /sys/class/iscsi_{host,session,connection} /sys/class/net
    for transport in tcp iser; do
        mkdir -p /sys/class/iscsi_transport/$transport
        echo 1 >/sys/class/iscsi_transport/$transport/handle
        echo 0x39 >/sys/class/iscsi_transport/$transport/caps
    done
}
adm() { "$reference" "$@" >>/tmp/retake.log 2>&1 || echo "failed: $*" >>/tmp/retake.log; }
keep() { # NAME: the tree, with a list of its names, modes and links
    rm -rf "$here/trees/$1"
    mkdir -p "$here/trees/$1"
    (cd /etc/iscsi && for top in nodes ifaces send_targets isns static fw; do
        [ ! -e $top ] || cp -a $top "$here/trees/$1/"
    done; find nodes ifaces send_targets isns static fw -printf '%M %p%l\n' 2>/dev/null |
        sed 's,/etc/iscsi, -> /etc/iscsi,' | LC_ALL=C sort -k2 >"$here/trees/$1/LIST") || true
    # LIST tells of directories and links, which would lead out of the project.
    find "$here/trees/$1" -type l -delete
    find "$here/trees/$1" -type d -empty -delete
}
show() { mkdir -p "$here/shown"; local name=$1; shift; "$reference" "$@" >"$here/shown/$name" 2>>/tmp/retake.log || true; }
fresh() { rm -rf /etc/iscsi/{nodes,ifaces,send_targets,isns,static,fw,slp}; }

: >/tmp/retake.log
private_root
t=iqn.2003-01.org.example:disk

# node records: with a tag, without, IPv6, on other ifaces, changed in every way
fresh
adm -m node -o new -T $t -p 10.0.0.1:3260,1
adm -m node -o new -T $t -p '[fe80::1]:3261,5'
adm -m node -o new -T $t-old -p 10.0.0.2
adm -m node -o new -T $t-iser -p 10.0.0.3:3260,2 -I iser
show node-default -m node -T $t -p 10.0.0.1
keep nodes-new

adm -m node -T $t -p 10.0.0.1 -o update -n node.startup -v automatic -n node.leading_login -v Yes \
    -n node.session.auth.authmethod -v CHAP -n node.session.auth.username -v 'a user # 1' \
    -n node.session.auth.password -v 'secret one' -n node.session.auth.username_in -v them \
    -n node.session.auth.password_in -v two -n node.session.auth.chap_algs -v SHA3-256,SHA1 \
    -n node.session.queue_depth -v 64 -n node.session.timeo.replacement_timeout -v -1 \
    -n 'node.conn[0].iscsi.HeaderDigest' -v CRC32C,None -n 'node.conn[0].iscsi.DataDigest' -v None,CRC32C \
    -n 'node.conn[0].startup' -v onboot -n node.session.scan -v manual \
    -n node.session.iscsi.InitialR2T -v Yes -n node.session.xmit_thread_priority -v 0x10 \
    -n node.session.nr_sessions -v 99999999999 -n iface.transport_name -v iser
show node-changed -m node -T $t -p 10.0.0.1
show node-changed-revealed -m node -T $t -p 10.0.0.1 -S
keep nodes-changed

# iface records: every key, both address families, and the copies in node records
fresh
v4="iface.ipaddress=192.0.2.1 iface.prefix_len=24 iface.hwaddress=00:11:22:33:44:55 iface.initiatorname=iqn.x:me
 iface.state=enable iface.vlan_id=70000 iface.vlan_priority=3 iface.vlan_state=enable iface.iface_num=4 iface.mtu=9000
 iface.port=3260 iface.bootproto=static iface.subnet_mask=255.255.255.0 iface.gateway=192.0.2.254
 iface.dhcp_alt_client_id_state=enable iface.dhcp_alt_client_id=a iface.dhcp_dns=enable iface.dhcp_learn_iqn=enable
 iface.dhcp_req_vendor_id_state=enable iface.dhcp_vendor_id_state=enable iface.dhcp_vendor_id=b iface.dhcp_slp_da=enable
 iface.fragmentation=enable iface.gratuitous_arp=enable iface.incoming_forwarding=enable iface.tos_state=enable
 iface.tos=12 iface.ttl=64"
tail="iface.delayed_ack=disable iface.tcp_nagle=disable iface.tcp_wsf_state=disable iface.tcp_wsf=2 iface.tcp_timer_scale=3
 iface.tcp_timestamp=disable iface.redirect=disable iface.def_task_mgmt_timeout=10 iface.header_digest=enable
 iface.data_digest=enable iface.immediate_data=enable iface.initial_r2t=enable iface.data_seq_inorder=enable
 iface.data_pdu_inorder=enable iface.erl=2 iface.max_receive_data_len=65536 iface.first_burst_len=8192
 iface.max_outstanding_r2t=4 iface.max_burst_len=262144 iface.chap_auth=enable iface.bidi_chap=enable
 iface.strict_login_compliance=enable iface.discovery_auth=enable iface.discovery_logout=enable"
v6="iface.prefix_len=64 iface.ipv6_autocfg=nd iface.linklocal_autocfg=auto iface.router_autocfg=auto
 iface.ipv6_linklocal=fe80::2 iface.ipv6_router=fe80::fe iface.dup_addr_detect_cnt=3 iface.flow_label=5
 iface.gratuitous_neighbor_adv=enable iface.hop_limit=6 iface.mld=enable iface.nd_reachable_tmo=7 iface.nd_rexmit_time=8
 iface.nd_stale_tmo=9 iface.router_adv_link_mtu=1500 iface.traffic_class=11 iface.net_ifacename=eth0"
pairs() { local pair; for pair in "$@"; do printf '%s\0%s\0%s\0%s\0' -n "${pair%%=*}" -v "${pair#*=}"; done; }
update_iface() { local name=$1; shift; pairs "$@" | xargs -0 "$reference" -m iface -I "$name" -o update >>/tmp/retake.log 2>&1; }
adm -m iface -I plain -o new
adm -m iface -I four -o new
update_iface four $v4 $tail
adm -m iface -I six -o new
update_iface six iface.ipaddress=2001:db8::1
update_iface six $v6 $tail
for iface in plain four; do adm -m node -o new -T $t -p 10.0.0.1:3260,1 -I $iface; done
show iface-default -m iface -I default
show iface-four -m iface -I four
# The reference can't show a record with IPv6 keys unless the iface's name says "ipv6", nor any other
# one as long as there is one: so the IPv4 ones are shown before, and this one under such a name.
show node-four -m node -T $t -I four
adm -m node -o new -T $t -p 10.0.0.1:3260,1 -I six
keep ifaces
fresh
adm -m iface -I six.ipv6.0 -o new
update_iface six.ipv6.0 $v6 $tail
adm -m node -o new -T $t -p 10.0.0.1:3260,1 -I six.ipv6.0
show iface-six -m iface -I six.ipv6.0
show node-six -m node -T $t -I six.ipv6.0
keep ifaces-ipv6

# discovery records
fresh
adm -m discoverydb -t st -p 10.0.0.1 -o new
adm -m discoverydb -t st -p '[2001:db8::1]:3261' -o new
adm -m discoverydb -t isns -p 10.0.0.2 -o new
adm -m discoverydb -t st -p 10.0.0.1 -o update -n discovery.startup -v automatic \
    -n discovery.sendtargets.auth.authmethod -v CHAP -n discovery.sendtargets.auth.username -v us \
    -n discovery.sendtargets.auth.password -v pw -n discovery.sendtargets.auth.username_in -v them \
    -n discovery.sendtargets.auth.password_in -v pw2 -n node.session.auth.chap_algs -v SHA256 \
    -n discovery.sendtargets.use_discoveryd -v Yes -n discovery.sendtargets.reopen_max -v 1
adm -m discoverydb -t isns -p 10.0.0.2 -o update -n discovery.isns.use_discoveryd -v Yes
show st-changed -m discoverydb -t st -p 10.0.0.1
show st-changed-revealed -m discoverydb -t st -p 10.0.0.1 -S
show isns -m discoverydb -t isns -p 10.0.0.2
keep discovery
cat /tmp/retake.log
STEPS

# SPDX-License-Identifier: LGPL-2.1-or-later
"""What programs that drive iscsiadm rely on, point by point, as far as it needs no session.

Names of tests begin with the thing relied on. Words and forms are those that os-brick, the
Kubernetes drivers, libvirt, Proxmox VE, vdsm, XenServer, Ansible, Pacemaker and dracut use.
"""

import re

import pytest

from beds.tgtd import Lun, Target, Tgtd
from records.lab import keys_of, ours

T, P = "iqn.2026-11.test:disk0", "127.0.0.1:3260"
NODE = f"-m node -T {T} -p {P}"


@pytest.fixture
def tgtd(lab):
    lun = Lun(lab.box.dir / "disk", "1M")
    return Tgtd(lab.box, [Target(f"iqn.2026-11.test:disk{i}", [lun]) for i in range(2)]).start()


@pytest.fixture
def found(lab, tgtd):
    lab.ours(f"-m discovery -t sendtargets -p {P}").ok()
    return lab


# 1, 2: output ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("tgtd")
@pytest.mark.parametrize("line", [
    f"-m discovery -t sendtargets -p {P}",
    f"--mode discovery --type sendtargets --portal {P} --op nonpersistent",
    f"-m discoverydb -t sendtargets -p {P} --discover",
    f"-m discoverydb --type sendtargets --portal {P} --discover",
    f"-m discovery -t st -p {P} -I default", "-m discovery -t st -p 127.0.0.1"])
def test_a_discovery_prints_lines_of_two_words(lab, line):
    if "discoverydb" in line:
        lab.ours(f"-m discoverydb -t sendtargets -p {P} -o new").ok()

    result = lab.ours(line).ok()

    assert result.err == ""
    assert sorted(result.out.splitlines()) == [f"{P},1 {T}", f"{P},1 iqn.2026-11.test:disk1"]


def test_a_list_of_records_prints_lines_of_two_words(found):
    result = found.ours("-m node").ok()

    assert result.err == ""
    for line in result.out.splitlines():
        assert re.fullmatch(r"([^,]+),(-?\d+)\s+(.+)", line)       # trident
        assert re.match(r"^(\S+:\d+),\S+\s+(\S+)\s*$", line)        # Proxmox VE
        assert len(line.split(" ")) == 2


SILENT = [f"{NODE} -o new", f"{NODE} --op update -n node.session.scan -v manual",
          f"{NODE} -o update -n node.startup -v automatic", f"{NODE} --op show", NODE,
          f"{NODE} --interface default --op new", "-m iface", "-m iface -I default",
          "-m iface -I default -o show", "-m discoverydb -o show -P 1", "-m discovery", "-m node",
          "-m node -P 1", "--version", f"-m node -T {T} -p {P},1", f"-m node -p {P} --op show",
          f"{NODE} -o delete"]


@pytest.mark.parametrize("line", SILENT)
def test_success_prints_nothing_on_stderr(found, line):
    result = found.ours(line).ok()

    assert result.err == ""
    assert "Could not" not in result.out


# 3, 4: codes and words ------------------------------------------------------------------------


@pytest.mark.parametrize("line, code, words", [
    ("-m session", 21, ": No active sessions."),
    ("--mode session", 21, ": No active sessions."),
    ("-m session -R", 21, "No session found."),
    ("-m node", 21, "o records found"),
    (f"{NODE}", 21, "No records found"),
    (f"{NODE} --op delete", 21, "No records found"),
    (f"{NODE} --logout", 21, "No matching sessions found"),
    (f"{NODE} -u", 21, "No matching sessions found"),
    (f"{NODE} -R", 21, ""),
    (f"-m discoverydb -t st -p {P} --op update -n discovery.sendtargets.auth.username -v u", 6, ""),
    ("-m iface -I absent", 6, ""),
    ("-m fw -l -W", 21, ""),
    ("-m node --loginall=automatic", 21, ""),
    ("-m node --logoutall=all", 21, "")])
def test_an_empty_machine_says_so(lab, line, code, words):
    result = lab.ours(line)

    assert result.rc == code and result.out == "", result
    assert words in result.err
    assert result.seconds < 3
    if words == ": No active sessions.":
        assert result.err.rstrip("\n").endswith(words)


@pytest.mark.parametrize("line, code", [
    (f"{NODE} -o update -n iface.mtu -v 9000", 7),
    (f"{NODE} -o update -n discovery.sendtargets.reopen_max -v 1", 7),
    (f"{NODE} -o update -n no.such.key -v 1", 7), ("-m node -o update", 7),
    ("-m nonsense", 7), (f"{NODE} -o nonsense", 7), ("-m session -r 999", 22)])
def test_a_refusal_has_its_code(found, line, code):
    before = keys_of(found.record(T, "127.0.0.1,3260,1"))

    result = found.ours(line)

    assert result.rc == code and result.err and result.rc != 255, result
    assert keys_of(found.record(T, "127.0.0.1,3260,1")) == before


def test_a_portal_that_refuses_has_a_code_of_its_own(lab):
    lab.write_conf({"discovery.sendtargets.reopen_max": 0})

    result = lab.ours("-m discovery -t sendtargets -p 127.0.0.1:3999", timeout=30)

    assert result.rc in (4, 8, 11), result
    assert "Could not" in result.err or "cannot" in result.err


def test_a_failed_key_keeps_the_whole_command_from_happening(found):
    result = found.ours(f"{NODE} --op=update --name=node.startup --value=onboot "
                        "--name=iface.mtu --value=9000")

    assert result.rc == 7
    assert keys_of(found.record(T, "127.0.0.1,3260,1"))["node.startup"] == "manual"


# 5: options -----------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [
    f"-m node -T {T} -p {P} -o update -n node.startup -v automatic",
    f"-m node -T {T} -p {P} --op=update --name node.startup --value=automatic",
    f"--mode node --portal {P} --targetname {T} --op update --name node.startup "
    "--value automatic",
    f"--mode node --portal {P} --target {T} --op update --name node.startup --value automatic",
    f"-n node.startup -v automatic -o update -p {P} -T {T} -m node",
    f"--value=automatic --name=node.startup --op=update --portal={P} --targetname={T} --mode=node",
    f"-m node -T {T} -I default -p {P},1 -n node.startup -v automatic --op=update",
    f"-mnode -T{T} -p{P} -oupdate -nnode.startup -vautomatic",
    f"-m node --targ {T} --portal {P} --o update --na node.startup --va automatic"])
def test_options_come_in_any_order_and_form(found, line):
    result = found.ours(line).ok()

    assert (result.out, result.err) == ("", "")
    assert keys_of(found.record(T, "127.0.0.1,3260,1"))["node.startup"] == "automatic"


def test_many_pairs_are_one_update(found):
    pairs = {"node.session.auth.authmethod": "CHAP", "node.session.auth.username": "me",
             "node.session.auth.password": "secretsecret", "node.startup": "automatic",
             "node.session.auth.username_in": "you"}
    words = [word for key, value in pairs.items() for word in ("-n", key, "-v", value)]

    found.ours([*NODE.split(), "-o", "update", *words]).ok()

    keys = keys_of(found.record(T, "127.0.0.1,3260,1"))
    assert {key: keys[key] for key in pairs} == pairs


def test_an_empty_value_clears(found):
    """XenServer takes name and password away so."""
    key = "node.session.auth.password"
    found.ours(f"{NODE} -o update -n {key} -v secretsecret").ok()

    found.ours([*NODE.split(), "-o", "update", "-n", key, "-v", ""]).ok()

    assert key not in keys_of(found.record(T, "127.0.0.1,3260,1"))


# 6: portals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("asked, listed", [
    ("10.0.0.1", "10.0.0.1:3260,4294967295"), ("10.0.0.1:3261", "10.0.0.1:3261,4294967295"),
    ("10.0.0.1:3260,1", "10.0.0.1:3260,1"), ("[fd00::1]:3260,1", "[fd00::1]:3260,1"),
    ("[fd00:0:0::1]:3260,1", "[fd00:0:0::1]:3260,1"),
    ("storage.example.test:3260,1", "storage.example.test:3260,1"),
    ("010.0.0.1:3260,1", "010.0.0.1:3260,1")])
def test_a_portal_is_kept_and_listed_as_given(lab, asked, listed):
    lab.ours(["-m", "node", "-T", T, "-p", asked, "-o", "new"]).ok()

    assert lab.ours("-m node").ok().out == f"{listed} {T}\n"
    shown = lab.ours(["-m", "node", "-T", T, "-p", asked]).ok().out
    address = asked.split(",")[0].removesuffix(":3260").removesuffix(":3261").strip("[]")
    assert f"node.conn[0].address = {address}\n" in shown


# Records as texts -----------------------------------------------------------------------------


def test_show_is_an_ini_text(found):
    lines = found.ours(f"{NODE} -S").ok().out.splitlines()

    assert lines[0] == "# BEGIN RECORD 2.1.8" and lines[-1] == "# END RECORD"
    for line in lines[1:-1]:
        assert re.fullmatch(r"\S+ = .+", line)
    assert f"node.name = {T}" in lines and "node.session.scan = auto" in lines


def test_the_tree_of_discoveries_has_its_words_in_order(found):
    text = found.ours("-m discoverydb -o show -P 1").ok().out

    assert text.splitlines()[:5] == [
        "SENDTARGETS:", "DiscoveryAddress: 127.0.0.1,3260", f"Target: {T}",
        "\tPortal: 127.0.0.1:3260,1", "\t\tIface Name: default"]
    assert "iSNS:" in text.splitlines()


def test_a_record_made_without_a_tag_is_listed_as_static(lab):
    """os-brick makes such ones, and looks there at what it shall disconnect."""
    lab.ours(f"-m node -T {T} -p {P} --interface default --op new").ok()

    shown = [lab.adm(who, "-m discoverydb -o show -P 1").ok().out for who in ("ours", "debian")]

    assert shown[0] == shown[1]
    assert f"STATIC:\nTarget: {T}\n\tPortal: {P},-1\n\t\tIface Name: default\n" in shown[0]


def test_ifaces_are_listed_in_six_fields(lab):
    lab.ours("-m iface -I 10.0.0.1:3260:volume -o new").ok()  # Kubernetes' names have colons

    lines = lab.ours("-m iface").ok().out.splitlines()

    assert all(len(re.split("[ ,]", line)) == 6 for line in lines), lines
    assert {line.split(" ")[0] for line in lines} == {"default", "iser", "10.0.0.1:3260:volume"}
    shown = lab.ours("-m iface -I 10.0.0.1:3260:volume -o show").ok().out
    assert re.search(r"iface.transport_name = (.*)\n", shown)[1] == "tcp"


def test_an_iface_is_copied_key_by_key(lab):
    """Kubernetes' in-tree plugin: each key of `default` that has a value."""
    shown = lab.ours("-m iface -I default -o show").ok().out
    lab.ours("-m iface -I copy -o new").ok()

    for key, value in keys_of(shown).items():
        if value != "<empty>" and key != "iface.iscsi_ifacename":
            lab.ours(["-m", "iface", "-I", "copy", "-o", "update", "-n", key, "-v", value]).ok()
    lab.ours("-m iface -I copy -o update -n iface.initiatorname -v iqn.2026-11.test:i").ok()

    assert "copy tcp,<empty>,<empty>,<empty>,iqn.2026-11.test:i\n" in lab.ours("-m iface").ok().out


def test_nonpersistent_leaves_no_record(lab, tgtd):
    lab.ours(f"--mode discovery --type sendtargets --portal {tgtd.portal} --op nonpersistent").ok()

    assert lab.ours("-m node").rc == 21
    assert lab.ours("-m discovery").rc == 21


@pytest.mark.parametrize("line", ["-m discoverydb -t st -p {} -D -o new -o nonpersistent",
                                  "-m discovery -t st -p {} -o nonpersistent -o update"])
def test_nodes_of_a_nonpersistent_discovery_have_no_source(lab, tgtd, line):
    discovered = lab.ours(line.format(tgtd.portal)).ok()

    assert discovered.err == ""
    assert not (lab.etc / "send_targets").exists()
    assert lab.ours("-m discovery").err == ""
    assert lab.ours("-m node").ok().out == discovered.out
    lab.ours("-m node -o delete").ok()
    assert not list((lab.etc / "nodes").iterdir())


def test_new_again_resets_the_record(found):
    found.ours(f"{NODE} -o update -n node.session.auth.password -v secretsecret").ok()

    found.ours(f"{NODE},1 -o new").ok()

    assert "node.session.auth.password" not in keys_of(found.record(T, "127.0.0.1,3260,1"))


# 9, 14, 15 ------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_version_is_the_third_word(lab, option):
    assert re.fullmatch(r"iscsiadm version \d+\.\d+\.\d+\n", lab.ours(option).ok().out)


def test_nothing_of_a_login_session_is_needed(found):
    """No environment, no terminal, no home, no descriptors but the standard ones' places."""
    bare = found.box.run(["env", "-i", ours(), "-m", "node"]).ok()
    closed = found.box.run(["sh", "-c", f"{ours()} {NODE} -o update -n node.startup "
                            "-v automatic <&- >&- 2>&-"])

    assert T in bare.out and bare.err == ""
    assert closed.rc == 0
    assert keys_of(found.record(T, "127.0.0.1,3260,1"))["node.startup"] == "automatic"

# SPDX-License-Identifier: LGPL-2.1-or-later
"""iscsi-gen-initiatorname: the machine gets the name it booted with, or a new one; once."""

import re

import pytest

from beds.initiator import find_program

GENERATE = find_program("iscsi-gen-initiatorname")
FIRMWARE = "/sys/firmware/ibft/initiator/initiator-name"
NEW_NAME = r"iqn\.1996-04\.de\.suse:01:[0-9a-f]{12}"


@pytest.fixture
def machine(box):
    """A machine without a name, whose command line and firmware say what a test wants."""
    file = box.path("/etc/iscsi/initiatorname.iscsi")
    file.unlink(missing_ok=True)
    command_line = box.path("/run/cmdline")
    command_line.write_text("ro quiet\n")
    box.run(["mount", "-t", "tmpfs", "tmpfs", "/sys/firmware"]).ok()
    box.run(["mount", "--bind", "/run/cmdline", "/proc/cmdline"]).ok()

    class Machine:
        def boot(self, line="", firmware=""):
            command_line.write_text(f"ro {line} quiet\n")
            if firmware:
                box.run(["sh", "-c", f"mkdir -p $(dirname {FIRMWARE}); echo {firmware} > {FIRMWARE}"]).ok()

        def generate(self, *args):
            return box.run([GENERATE, *args])

        def name(self):
            return re.search(r"^InitiatorName=(.*)$", file.read_text(), re.M)[1]
    made = Machine()
    made.file = file
    yield made
    box.run(["umount", "/proc/cmdline", "/sys/firmware"]).ok()


def test_a_new_name_is_written_for_its_owner_alone(machine):
    result = machine.generate()

    assert (result.rc, result.out, result.err) == (0, "", ""), result
    assert re.fullmatch(NEW_NAME, machine.name())
    assert machine.file.stat().st_mode & 0o777 == 0o600


def test_a_prefix_of_ones_own(machine):
    machine.generate("-p", "iqn.2026-11.org.example:x").ok()

    assert re.fullmatch(r"iqn\.2026-11\.org\.example:x:[0-9a-f]{12}", machine.name())


def test_a_name_is_replaced_only_when_asked_to(machine):
    machine.generate().ok()
    before = machine.file.read_text()

    refused = machine.generate()

    assert refused.rc == 1, refused
    assert "you cannot overwrite the current InitiatorName unless 'force' is set." in refused.err
    assert refused.out.startswith("Usage: iscsi-gen-initiatorname [OPTIONS] -- ")
    assert machine.file.read_text() == before
    machine.generate("-f").ok()
    assert machine.file.read_text() != before


@pytest.mark.parametrize("line, firmware, name", [
    ("rd.initiatorname=iqn.2026-11.test:line", "", "iqn.2026-11.test:line"),
    ("", "iqn.2026-11.test:fw", "iqn.2026-11.test:fw"),
    ("rd.initiatorname=iqn.2026-11.test:both", "iqn.2026-11.test:both", "iqn.2026-11.test:both")])
def test_the_name_that_the_machine_booted_with(machine, line, firmware, name):
    machine.boot(line, firmware)

    machine.generate().ok()

    assert machine.name() == name


def test_two_names_that_differ_are_refused(machine):
    machine.boot("rd.initiatorname=iqn.2026-11.test:line", "iqn.2026-11.test:fw")

    result = machine.generate()

    assert result.rc == 1 and "test:line" in result.err and "test:fw" in result.err, result
    assert not machine.file.exists()


def test_help_and_wrong_options(machine):
    assert machine.generate("-h").rc == 0
    assert machine.generate("-x").rc == 1
    assert machine.generate("stray").rc == 1
    assert not machine.file.exists()


def test_only_root_may(box, machine):
    result = box.run(["setpriv", "--reuid", "65534", "--clear-groups", GENERATE])

    assert (result.rc, result.err) == (1, "Error: You must be root to run this command\n"), result

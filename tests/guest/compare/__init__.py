# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sessions of the kernel's initiator, ours and open-iscsi 2.1.8's, in the same kind of guest.

cases/        tables of scenarios: command lines, and how targets and configuration are set
transcripts/  what the reference printed, returned, left in sysfs and on disk, one file a table
world.py      the targets that all scenarios share, by address
view.py       sessions as sysfs shows them, with names that every run gives alike
stage.py      runs in the guest: plays tables one scenario after the other
run.py        `./do compare`: compare, or --retake the transcripts with the reference
"""

# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same command lines through our programs and through open-iscsi 2.1.8, compared byte by byte.

cases/        tables of scenarios: a state, then command lines
transcripts/  what the reference printed, returned and left on disk, one file for each table
stage.py      a private machine (namespaces) in which a scenario is played, seconds for hundreds
run.py        `./do differential`: compare, or --retake the transcripts with the reference
"""

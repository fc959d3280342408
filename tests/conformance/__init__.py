# SPDX-License-Identifier: LGPL-2.1-or-later
"""A scripted, hostile iSCSI target and a judge of every PDU an initiator sends it."""

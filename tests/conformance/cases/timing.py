# SPDX-License-Identifier: LGPL-2.1-or-later
"""Drip, silence and closing, at each stage."""

from ..case import (CONN_FAILED, EH_SESSION_RST, NOP_TIMEDOUT, PDU_TIMEOUT, TCP_CONN_CLOSE, TRANS_TIMEOUT, XMIT_FAILED, Case, Drops,
                    Fails, LoginRetried, Works)
from ..script import EVERY, On, close, cut, drip, mute_and_drop, reset, silence, stop_half_way
from ..target import Config
from .chap import _BOTH, MUTUAL

LOGIN = "send-login-response"
_NO_TIME = LoginRetried((TRANS_TIMEOUT, PDU_TIMEOUT))
_SHORT = {"login_timeout": "15"}
_PINGS = {"noop_out_interval": "4", "noop_out_timeout": "4"}
_COMMAND = {"command_timeout": "6", "abort_timeout": "30"}
_CLOSED, _RESET = Drops(TCP_CONN_CLOSE), Drops(CONN_FAILED)
# While data goes out the end may show in a read or in a write.
_GONE = (CONN_FAILED, TCP_CONN_CLOSE, XMIT_FAILED)

SLOW = (
    Case("login response a byte at a time, in time", Works(), (On(LOGIN, drip(0)),), login={"login_timeout": "200"}),
    Case("login response a byte at a time, too slowly", _NO_TIME, (On(LOGIN, drip(0.02), times=EVERY),), login=_SHORT),
    Case("Data-In a byte at a time", Works(), (On("send-data-in", drip(0), cmd="read"),),
         login={"command_timeout": "300"}, run=("read 0 2", "read 2 2")),
    Case("Data-In a byte at a time, too slowly", Drops(EH_SESSION_RST, NOP_TIMEDOUT),
         (On("send-data-in", drip(0.01), cmd="read"),), login={**_COMMAND, **_PINGS}, run=("read 0 2", "read 2 2")),
    Case("SCSI response a byte at a time", Works(), (On("send-scsi-response", drip(0), cmd="write"),),
         run=("write 0 8 5", "read 0 8")),
)

QUIET = (
    Case("silence after the connection", _NO_TIME, (On("connect", silence, times=EVERY),), login=_SHORT),
    Case("silence after the connection, once", Works(connections=2), (On("connect", silence),), login={"login_timeout": "40"}),
    Case("silence after half a login header", _NO_TIME, (On(LOGIN, stop_half_way(24), times=EVERY),), login=_SHORT),
    Case("silence after the login header", _NO_TIME, (On(LOGIN, stop_half_way(48), times=EVERY),), login=_SHORT),
    Case("silence after half the login text", _NO_TIME, (On(LOGIN, stop_half_way(90), times=EVERY),), login=_SHORT),
    *(Case(f"silence in round {stage} of authentication", _NO_TIME,
           (On(LOGIN, mute_and_drop, times=EVERY, nth=stage),),
           Config(chap=MUTUAL), login=dict(_BOTH, **_SHORT)) for stage in (1, 2, 3, 4)),
    Case("silence after a command", Drops(NOP_TIMEDOUT), (On("recv-scsi-command", mute_and_drop, cmd="read"),),
         login=_PINGS),
    Case("silence after half a Data-In header", Drops(NOP_TIMEDOUT), (On("send-data-in", stop_half_way(20)),), login=_PINGS),
    Case("silence after half a Data-In", Drops(NOP_TIMEDOUT), (On("send-data-in", stop_half_way(1000)),), login=_PINGS),
    Case("silence when idle", Drops(NOP_TIMEDOUT), (On("recv-nop-out", mute_and_drop),), login=_PINGS,
         run=("read 0 8", "sleep 120", "read 8 8")),
)

ENDS = (
    Case("closed on connection", LoginRetried(), (On("connect", close, times=EVERY),)),
    Case("closed on connection, once", Works(connections=2), (On("connect", close),)),
    Case("reset on connection", LoginRetried(), (On("connect", reset, times=EVERY),)),
    Case("closed after the login request", LoginRetried(), (On("recv-login-request", close, times=EVERY),)),
    Case("closed when idle", _CLOSED, (On("send-data-in", lambda conn, pdu: [pdu, close]),)),
    Case("reset when idle", _RESET, (On("send-data-in", lambda conn, pdu: [pdu, reset]),)),
    Case("closed with a read under way", _CLOSED, (On("recv-scsi-command", close, cmd="read"),)),
    Case("reset with a read under way", _RESET, (On("recv-scsi-command", reset, cmd="read"),)),
    Case("closed with a write under way", Drops(*_GONE), (On("recv-scsi-command", close, cmd="write"),),
         run=("write 0 64 9", "read 0 64")),
    Case("closed after an R2T", Drops(*_GONE), (On("send-r2t", lambda conn, pdu: [pdu, close], cmd="write"),),
         login={"InitialR2T": "Yes", "ImmediateData": "No"}, run=("write 0 64 9", "read 0 64")),
    Case("closed in the middle of data-out", Drops(*_GONE), (On("recv-data-out", reset, cmd="write", nth=2),),
         Config(max_recv=4096), login={"ImmediateData": "No"}, run=("write 0 64 9", "read 0 64")),
    Case("Time2Wait of the login is kept", _CLOSED, (On("recv-scsi-command", close, cmd="read", times=3),),
         Config(second=0.01), login={"DefaultTime2Wait": "10"}),
    Case("Time2Wait that the target made longer is kept", _CLOSED, (On("recv-scsi-command", close, cmd="read"),),
         Config(second=0.01, settings={"DefaultTime2Wait": "20"})),
    *(Case(f"closed after {count} bytes of Data-In", _CLOSED, (On("send-data-in", cut(count), cmd="read"),))
      for count in (1, 47, 48, 49, 1000, 48 + 4095)),
    *(Case(f"closed after {count} bytes of a response", _CLOSED, (On("send-scsi-response", cut(count), cmd="write"),),
           run=("write 0 8 5", "read 0 8")) for count in (1, 20, 47)),
    *(Case(f"closed after {count} bytes of an R2T", _CLOSED, (On("send-r2t", cut(count), cmd="write"),),
           login={"InitialR2T": "Yes", "ImmediateData": "No"}, run=("write 0 8 5", "read 0 8")) for count in (1, 20, 47)),
    Case("closed five times in a row", _CLOSED, (On("recv-scsi-command", close, cmd="read", times=5),)),
    Case("gone for good", Fails(("EIO",), commands=(0, 1), drops=_GONE), (
        On("recv-scsi-command", close, cmd="read"), On("connect", close, nth=2, times=EVERY)),
        login={"replacement_timeout": "15"}),
)

# Each position is cut once, and the next connection is left alone. A test checks the length.
LOGIN_RESPONSE_BYTES = 384
EVERY_POSITION = tuple(
    Case(f"closed after {count} bytes of the login response", Works(connections=2), (On(LOGIN, cut(count)),),
         run=("read 0 1",)) for count in range(LOGIN_RESPONSE_BYTES)
)

CASES = SLOW + QUIET + ENDS + EVERY_POSITION

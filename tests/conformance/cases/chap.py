# SPDX-License-Identifier: LGPL-2.1-or-later
"""CHAP gone wrong (RFC 7143 12.1.3, 9.2.1)."""

from ..case import AUTH_FAILED, FATAL_LOGIN, Case, LoginFails, Works
from ..chap import Credentials, response
from ..codec import decode_text, parse_binary, parse_number
from ..script import EVERY, On, change, keys
from ..target import Config

RESPONSE = "send-login-response"
ONE_WAY = Credentials("alice", "alices-secret-0")
MUTUAL = Credentials("alice", "alices-secret-0", "target", "targets-secret-")
_ONE = {"username": "alice", "password": "alices-secret-0"}
_BOTH = {**_ONE, "username_in": "target", "password_in": "targets-secret-"}
_NAMES = {5: "MD5", 6: "SHA1", 7: "SHA256", 8: "SHA3-256"}


def _with(credentials, login, algorithms=None, **more):
    login = dict(login, chap_algs="SHA3-256,SHA256,SHA1,MD5")
    if algorithms:
        credentials = Credentials(credentials.user, credentials.secret, credentials.mutual_user,
                                  credentials.mutual_secret, algorithms)
    return {"config": Config(chap=credentials, **more), "login": login}


GOOD = tuple(
    Case(f"{'mutual' if credentials.mutual else 'one-way'} {_NAMES[number]}", Works(),
         **_with(credentials, login, (number,)))
    for credentials, login in ((ONE_WAY, _ONE), (MUTUAL, _BOTH)) for number in (5, 6, 7, 8)
)


def _carrying(key):
    return lambda conn, pdu: any(name == key for name, _ in decode_text(pdu.data))


def _bent(name, key, step, expect=LoginFails(FATAL_LOGIN), mutual=False):
    """Bends the response that carries `key`."""
    credentials, login = (MUTUAL, _BOTH) if mutual else (ONE_WAY, _ONE)
    return Case(name, expect, (On(RESPONSE, step, times=EVERY, when=_carrying(key)),), **_with(credentials, login))


def _reencode(convert):
    """Writes the challenge in another way."""
    def do(conn, pdu):
        challenge = parse_binary(dict(decode_text(pdu.data))["CHAP_C"])
        keys(CHAP_C=convert(challenge))(conn, pdu)
    return do


def _base64(prefix):
    import base64
    return _reencode(lambda challenge: prefix + base64.b64encode(challenge).decode())


def _challenge_of(count):
    """A challenge of `count` bytes which the target then really uses."""
    def do(conn, pdu):
        conn.login.chap.challenge = bytes(range(256)) * (count // 256) + bytes(range(count % 256))
        keys(CHAP_C="0x" + conn.login.chap.challenge.hex())(conn, pdu)
    return do


AUTH_METHOD = (
    _bent("AuthMethod not offered", "AuthMethod", keys(AuthMethod="KRB5")),
    _bent("AuthMethod a list", "AuthMethod", keys(AuthMethod="CHAP,None")),
    _bent("AuthMethod empty", "AuthMethod", keys(AuthMethod="")),
    _bent("AuthMethod missing", "AuthMethod", keys(drop=("AuthMethod",))),
    _bent("AuthMethod rejected", "AuthMethod", keys(AuthMethod="Reject")),
    _bent("AuthMethod twice", "AuthMethod", keys(("AuthMethod", "CHAP"))),
    _bent("AuthMethod None where the target must prove itself", "AuthMethod", keys(AuthMethod="None"), mutual=True),
    _bent("stage left before CHAP where the target must prove itself", "AuthMethod",
          change(flags=0x81), mutual=True),
)

CHALLENGE = (
    _bent("CHAP_A not offered", "CHAP_A", keys(CHAP_A="9")),
    _bent("CHAP_A a list", "CHAP_A", keys(CHAP_A="5,7")),
    _bent("CHAP_A no number", "CHAP_A", keys(CHAP_A="MD5")),
    _bent("CHAP_A negative", "CHAP_A", keys(CHAP_A="-5")),
    _bent("CHAP_A missing", "CHAP_A", keys(drop=("CHAP_A",))),
    _bent("CHAP_A Reject", "CHAP_A", keys(CHAP_A="Reject")),
    _bent("CHAP_I missing", "CHAP_A", keys(drop=("CHAP_I",))),
    _bent("CHAP_I 256", "CHAP_A", keys(CHAP_I="256")),
    _bent("CHAP_I negative", "CHAP_A", keys(CHAP_I="-1")),
    _bent("CHAP_I no number", "CHAP_A", keys(CHAP_I="one")),
    _bent("CHAP_I empty", "CHAP_A", keys(CHAP_I="")),
    _bent("CHAP_I in hexadecimal", "CHAP_A", keys(CHAP_I="0x5a"), Works()),
    _bent("CHAP_I with prefix 0X", "CHAP_A", keys(CHAP_I="0X5A"), Works()),
    _bent("CHAP_C missing", "CHAP_A", keys(drop=("CHAP_C",))),
    _bent("CHAP_C empty", "CHAP_A", keys(CHAP_C="")),
    _bent("CHAP_C only a prefix", "CHAP_A", keys(CHAP_C="0x")),
    _bent("CHAP_C only a base64 prefix", "CHAP_A", keys(CHAP_C="0b")),
    _bent("CHAP_C no hexadecimal", "CHAP_A", keys(CHAP_C="0x0123456789abcdefgh")),
    _bent("CHAP_C no base64", "CHAP_A", keys(CHAP_C="0bAAAA*AAA")),
    _bent("CHAP_C of 1 byte", "CHAP_A", _challenge_of(1), Works()),
    _bent("CHAP_C of 1024 bytes", "CHAP_A", _challenge_of(1024), Works()),
    _bent("CHAP_C of 1025 bytes", "CHAP_A", _challenge_of(1025)),
    _bent("CHAP_C of 4000 bytes", "CHAP_A", _challenge_of(4000)),
    _bent("CHAP_C in base64", "CHAP_A", _base64("0b"), Works()),
    _bent("CHAP_C in base64 with prefix 0B", "CHAP_A", _base64("0B"), Works()),
    _bent("CHAP_C with prefix 0X", "CHAP_A", _reencode(lambda c: "0X" + c.hex()), Works()),
    _bent("CHAP_C in upper case", "CHAP_A", _reencode(lambda c: "0x" + c.hex().upper()), Works()),
    _bent("CHAP_C twice", "CHAP_A", keys(("CHAP_C", "0x00112233445566778899aabbccddeeff"))),
    _bent("CHAP_R with the challenge", "CHAP_A", keys(("CHAP_R", "0x" + "00" * 32))),
    _bent("stage left with the challenge", "CHAP_A", change(flags=0x81)),
    Case("text of the challenge in pieces of 5 bytes", Works(), **_with(MUTUAL, _BOTH, login_chunk=5)),
)


def _own_secret(conn, pdu):
    """The target answers with the initiator's own secret: it knows no other."""
    given = conn.checker.offered
    proof = response(conn.login.chap.algorithm, parse_number(given["CHAP_I"]), ONE_WAY.secret,
                     parse_binary(given["CHAP_C"]))
    keys(CHAP_R="0x" + proof.hex())(conn, pdu)


def _reflected(conn, pdu):
    """The target sends the initiator's response back as its own."""
    keys(CHAP_R=conn.checker.offered["CHAP_R"])(conn, pdu)


def _proof(edit):
    def do(conn, pdu):
        value = dict(decode_text(pdu.data))["CHAP_R"]
        keys(CHAP_R=edit(value))(conn, pdu)
    return do


PROOF = (
    _bent("CHAP_N wrong", "CHAP_R", keys(CHAP_N="mallory"), mutual=True),
    _bent("CHAP_N empty", "CHAP_R", keys(CHAP_N=""), mutual=True),
    _bent("CHAP_N in another case", "CHAP_R", keys(CHAP_N="TARGET"), mutual=True),
    _bent("CHAP_N missing", "CHAP_R", keys(drop=("CHAP_N",)), mutual=True),
    _bent("CHAP_R missing", "CHAP_R", keys(drop=("CHAP_R",)), mutual=True),
    _bent("CHAP_R and CHAP_N missing", "CHAP_R", keys(drop=("CHAP_R", "CHAP_N")), mutual=True),
    _bent("CHAP_R wrong", "CHAP_R", _proof(lambda v: v[:-2] + f"{int(v[-2:], 16) ^ 1:02x}"), mutual=True),
    _bent("CHAP_R short", "CHAP_R", _proof(lambda v: v[:-2]), mutual=True),
    _bent("CHAP_R long", "CHAP_R", _proof(lambda v: v + "00"), mutual=True),
    _bent("CHAP_R empty", "CHAP_R", keys(CHAP_R=""), mutual=True),
    _bent("CHAP_R no number", "CHAP_R", keys(CHAP_R="zz"), mutual=True),
    _bent("CHAP_R twice", "CHAP_R", keys(("CHAP_R", "0x00")), mutual=True),
    _bent("CHAP_R of 2000 bytes", "CHAP_R", keys(CHAP_R="0x" + "ab" * 2000), mutual=True),
    _bent("CHAP_R made with our own secret", "CHAP_R", _own_secret, mutual=True),
    _bent("CHAP_R reflected", "CHAP_R", _reflected, mutual=True),
    _bent("T only after one more round", "CHAP_R", change(flags=0x00), Works(), mutual=True),
    _bent("stage after the next", "CHAP_R", change(flags=0x83), mutual=True),
)

SECRETS = (
    Case("wrong secret", LoginFails(AUTH_FAILED),
         **_with(ONE_WAY, {"username": "alice", "password": "another-secret0"})),
    Case("wrong user", LoginFails(AUTH_FAILED), **_with(ONE_WAY, {"username": "bob", "password": "alices-secret-0"})),
    Case("no credentials where some are needed", LoginFails(AUTH_FAILED), config=Config(chap=ONE_WAY)),
    Case("wrong secret of the target", LoginFails(FATAL_LOGIN),
         **_with(MUTUAL, {**_ONE, "username_in": "target", "password_in": "not-the-secret-"})),
    Case("wrong name of the target", LoginFails(FATAL_LOGIN),
         **_with(MUTUAL, {**_ONE, "username_in": "someone", "password_in": "targets-secret-"})),
    Case("credentials where none are needed", Works(), login=dict(_ONE)),
    Case("no algorithm in common", LoginFails(AUTH_FAILED), config=Config(chap=Credentials(
        "alice", "alices-secret-0", algorithms=(8,))), login=dict(_ONE, chap_algs="MD5")),
)

CASES = GOOD + AUTH_METHOD + CHALLENGE + PROOF + SECRETS

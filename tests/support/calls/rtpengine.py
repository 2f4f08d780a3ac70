"""What rtpengine 10.5 was measured to do with offers and answers, behind a control link that only seems to be one.

It copies the suites that it is offered, keys and all, to the other side; it adds keys of its own for the suites
that were not offered; in an answer it hands over the answerer's key where the offerer had offered that suite, and
makes a key of its own otherwise; what it told a side once stays as long as the suite stays.
"""

import itertools
import os
from dataclasses import dataclass, field

from ringwall.core.calls.switch.bencode import decode
from ringwall.core.errors import EdgeUnavailable
from ringwall.sip.sdes import KEY_LENGTHS
from ringwall.sip.sdp import Connection, Crypto, SessionDescription
from support.key_lines import crypto_of

ALL_SUITES = (
    "AEAD_AES_256_GCM", "AEAD_AES_128_GCM", "AES_256_CM_HMAC_SHA1_80", "AES_192_CM_HMAC_SHA1_80",
    "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "F8_128_HMAC_SHA1_80", "NULL_HMAC_SHA1_80",
)  # fmt: skip
FINGERPRINT = "sha-256 " + ":".join(["AB"] * 32)


def encode(value) -> bytes:
    if isinstance(value, dict):
        return b"d" + b"".join(encode(k) + encode(v) for k, v in value.items()) + b"e"
    if isinstance(value, (list, tuple)):
        return b"l" + b"".join(map(encode, value)) + b"e"
    if isinstance(value, int):
        return b"i%de" % value
    raw = value if isinstance(value, bytes) else value.encode()
    return b"%d:%b" % (len(raw), raw)


def fresh_key(suite: str) -> str:
    return crypto_of(1, suite, os.urandom(KEY_LENGTHS.get(suite, 30))).key_params


@dataclass
class _Party:
    offered: dict[str, Crypto] = field(default_factory=dict)  # what it said, by suite
    told: dict[str, str] = field(default_factory=dict)  # what it was told, by suite
    tags: dict[str, int] = field(default_factory=dict)  # of what it was told
    dtls: bool = False


class Rtpengine:
    """A control link with rtpengine behind it."""

    def __init__(self, loop) -> None:
        self.loop = loop
        self.calls: dict[str, dict[str, _Party]] = {}
        self.down = False
        self.refusing: str | None = None
        self.commands: list[tuple[str, str]] = []
        self.meddle = None  # changes the SDP that is given back
        self.delay = 0.001
        self._ports = itertools.count(30000, 2)

    async def ng(self, payload: bytes) -> bytes:
        if self.down:
            raise EdgeUnavailable("the control link to the edge is down")
        done = self.loop.create_future()
        self.loop.call_later(self.delay, lambda: done.set_result(self._run(payload)))
        return await done

    def ng_nowait(self, payload: bytes) -> bool:
        self.loop.call_later(self.delay, self._run, payload)
        return not self.down

    def _run(self, payload: bytes) -> bytes:
        command = decode(payload)
        name, call_id = command[b"command"].decode(), command[b"call-id"].decode()
        self.commands.append((name, command.get(b"from-tag", b"").decode()))
        if name == "delete":
            known = self.calls.pop(call_id, None) is not None
            return encode(
                {"result": "ok"} if known else {"result": "error", "error-reason": "Unknown call-id"}
            )
        if self.refusing is not None:
            return encode({"result": "error", "error-reason": self.refusing})
        call = self.calls.setdefault(call_id, {}) if name == "offer" else self.calls.get(call_id)
        if call is None:
            return encode({"result": "error", "error-reason": "Unknown call-id"})
        source = command[b"from-tag"].decode()
        # A first offer names one side only: the other one is whoever answers. "m" is the middle of a chain.
        unnamed = b"m" if source == "a" and call_id.endswith("-1") and call_id.count("-") == 2 else b"b"
        if source == "b":
            unnamed = b"a"
        target = command.get(b"to-tag", unnamed).decode()
        one, other = call.setdefault(source, _Party()), call.setdefault(target, _Party())
        sdp = SessionDescription.parse(command[b"sdp"])
        made = (
            self._offer(command, sdp, one, other)
            if name == "offer"
            else self._answer(command, sdp, other, one)
        )
        if self.meddle is not None:
            made = self.meddle(name, made)
        return encode({"result": "ok", "sdp": made})

    def _offer(self, command, sdp, offerer: _Party, other: _Party) -> bytes:
        offerer.offered = {c.suite: c for c in sdp.media[0].cryptos}
        offerer.dtls = bool(sdp.media[0].fingerprints)
        unwanted = {word[3:].decode() for word in command[b"SDES"] if word.startswith(b"no-")}
        cryptos = [Crypto(n, c.suite, c.key_params) for n, c in enumerate(sdp.media[0].cryptos, 1)]
        for suite in ALL_SUITES:
            if suite not in offerer.offered and suite not in unwanted:
                key = other.told.get(suite) or fresh_key(suite)
                cryptos.append(Crypto(len(cryptos) + 1, suite, key))
        other.told = {c.suite: c.key_params for c in cryptos}
        other.tags = {c.suite: c.tag for c in cryptos}
        return self._write(command, sdp, cryptos)

    def _answer(self, command, sdp, answerer: _Party, offerer: _Party) -> bytes:
        answerer.offered = {c.suite: c for c in sdp.media[0].cryptos}
        for suite, crypto in answerer.offered.items():
            # With another tag it would say yes and take no key.
            assert answerer.tags.get(suite) == crypto.tag, f"an answer in {suite} has a tag of another offer"
        cryptos = []
        if offerer.offered:
            suite = next(iter(offerer.offered))
            for chosen, crypto in answerer.offered.items():
                if chosen in offerer.offered:
                    suite, key = chosen, crypto.key_params
                    break
            else:
                key = offerer.told.get(suite) or fresh_key(suite)
            offerer.told = {suite: key}
            cryptos = [Crypto(offerer.offered[suite].tag, suite, key)]
        return self._write(command, sdp, cryptos)

    def _write(self, command, sdp, cryptos) -> bytes:
        protocol = command[b"transport-protocol"].decode()
        dtls = protocol.startswith("UDP/TLS")
        media = sdp.media[0]
        keep = tuple(a for a in media.attributes if a[0] not in {"crypto", "fingerprint", "setup", "rtcp"})
        if dtls:
            keep += (("fingerprint", FINGERPRINT), ("setup", "actpass"))
        media = media.replace(
            port=next(self._ports),
            protocol=protocol,
            connection=Connection("IP4", "203.0.113.1"),
            attributes=keep,
            cryptos=() if dtls else cryptos,
        )
        assert {b"origin", b"session-connection"} <= set(command[b"replace"])
        origin = sdp.origin._replace(address="203.0.113.1")
        return sdp.replace(origin=origin, media=(media,), connection=None).to_bytes()

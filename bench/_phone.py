"""A desk phone for load: SIP over TLS on its own connection, as bytes, with the least honest work.

It signs in with SHA-256 digest, checks the server's certificate, calls with a description that has SDES
keys of its own, answers as RFC 3264 wants it, follows route sets, and acknowledges what it refuses to
understand.
"""

import asyncio
import os
import re
import secrets
import ssl
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, cast

from ringwall.sip import digest

GCM, CM = b"AEAD_AES_256_GCM", b"AES_CM_128_HMAC_SHA1_80"
KEY_BYTES = {GCM: 44, CM: 30}
"""Length of master key and salt (RFC 7714, RFC 4568)."""

_LENGTH = re.compile(rb"\r\nContent-Length: *(\d+)", re.IGNORECASE)
_CALL_ID = re.compile(rb"\r\nCall-ID: *([^\r]+)", re.IGNORECASE)
_CSEQ = re.compile(rb"\r\nCSeq: *(\d+) (\w+)", re.IGNORECASE)
_TO = re.compile(rb"\r\nTo: *([^\r]+)", re.IGNORECASE)
_CONTACT = re.compile(rb"\r\nContact: *<([^>]+)>", re.IGNORECASE)
_RECORD_ROUTE = re.compile(rb"\r\nRecord-Route: *([^\r]+)", re.IGNORECASE)
_CHALLENGE = re.compile(rb"\r\nWWW-Authenticate: *([^\r]+)", re.IGNORECASE)
_COPIED = re.compile(rb"\r\n((?:Via|Record-Route|From|Call-ID|CSeq): *[^\r]+)", re.IGNORECASE)
_CRYPTO = re.compile(rb"a=crypto:(\d+) (\w+) inline:([A-Za-z0-9+/=]+)")
_PORT = re.compile(rb"m=audio (\d+) ")

_SDP = (
    b"v=0\r\no=- %d 1 IN IP4 %b\r\ns=call\r\nc=IN IP4 %b\r\nt=0 0\r\nm=audio %d RTP/SAVP 9 8 0 18 101\r\n"
    b"a=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:18 G729/8000\r\n"
    b"a=fmtp:18 annexb=no\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n"
    b"%ba=ptime:20\r\na=sendrecv\r\n"
)
_INVITE = (
    b"INVITE sip:%(to)b@%(domain)b SIP/2.0\r\nVia: SIP/2.0/TLS %(own)b;branch=z9hG4bK%(branch)b;rport\r\n"
    b'Max-Forwards: 70\r\nFrom: "Phone %(ext)b" <sip:%(ext)b@%(domain)b>;tag=%(tag)b\r\n'
    b"To: <sip:%(to)b@%(domain)b>\r\nCall-ID: %(call)b\r\nCSeq: 1 INVITE\r\n"
    b"Contact: <sip:%(ext)b@%(own)b;transport=tls>\r\n"
    b"Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO\r\n"
    b"Supported: timer, replaces\r\nUser-Agent: Ringwall load phone\r\nContent-Type: application/sdp\r\n"
    b"Content-Length: %(length)d\r\n\r\n%(body)b"
)
_IN_DIALOG = (
    b"%(method)b %(target)b SIP/2.0\r\nVia: SIP/2.0/TLS %(own)b;branch=z9hG4bK%(branch)b;rport\r\n%(routes)b"
    b'Max-Forwards: 70\r\nFrom: "Phone %(ext)b" <sip:%(ext)b@%(domain)b>;tag=%(tag)b\r\nTo: %(to)b\r\n'
    b"Call-ID: %(call)b\r\nCSeq: %(cseq)d %(method)b\r\nContent-Length: 0\r\n\r\n"
)
_REGISTER = (
    b"REGISTER sip:%(domain)b SIP/2.0\r\nVia: SIP/2.0/TLS %(own)b;branch=z9hG4bK%(branch)b;rport\r\n"
    b"Max-Forwards: 70\r\nFrom: <sip:%(ext)b@%(domain)b>;tag=%(tag)b\r\nTo: <sip:%(ext)b@%(domain)b>\r\n"
    b"Call-ID: %(call)b\r\nCSeq: %(cseq)d REGISTER\r\n"
    b'Contact: <sip:%(ext)b@%(own)b;transport=tls>;reg-id=1;+sip.instance="<urn:uuid:%(uuid)b>"\r\n'
    b"Expires: 3600\r\nSupported: path, outbound\r\nUser-Agent: Ringwall load phone\r\n%(proof)b"
    b"Content-Length: 0\r\n\r\n"
)


@dataclass(slots=True)
class Stream:
    """One leg's media as it was agreed: what is needed to send and to read SRTP."""

    port: int
    suite: bytes = b""
    key: bytes = b""
    peer_port: int = 0
    peer_key: bytes = b""


@dataclass(slots=True, eq=False)
class Outgoing:
    """A call that a phone makes. Times are those of `time.perf_counter`."""

    call_id: bytes
    tag: bytes
    branch: bytes
    called: bytes
    sent_at: float
    talk_seconds: float | None
    offered: dict[bytes, bytes]
    ringing_at: float = 0.0
    answered_at: float = 0.0
    ended_at: float = 0.0
    failed: str = ""
    to: bytes = b""
    target: bytes = b""
    routes: bytes = b""
    stream: Stream | None = None


class Watcher(Protocol):
    """Who is told how calls go."""

    def answered(self, call: Outgoing) -> None:
        """The call was answered and acknowledged."""

    def ended(self, call: Outgoing) -> None:
        """The call is over, by BYE or with `failed` set."""


@dataclass(slots=True)
class Habits:
    """How the phones behave. Seconds."""

    ring_seconds: float = 0.1
    suites: tuple[bytes, ...] = (GCM, CM)
    port: Callable[[], int] = field(default=lambda: 40000)
    key: Callable[[bytes], bytes] = field(default=lambda suite: os.urandom(KEY_BYTES[suite]))


def inline(key: bytes) -> bytes:
    """Return a key as it stands in a crypto line."""
    return b64encode(key)


def tls_context(ca_file: str) -> ssl.SSLContext:
    """Return what the phones check the server with."""
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Phone(asyncio.Protocol):
    """One phone on one connection."""

    def __init__(self, line: dict[str, str], domain: str, habits: Habits, watcher: Watcher) -> None:
        self.line = line
        self.extension = line["extension"].encode()
        self._domain = domain.encode()
        self._habits = habits
        self._watcher = watcher
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._own = b""
        self._host = b""
        self._buffer = b""
        self._calls: dict[bytes, Outgoing] = {}
        self.taken: dict[bytes, Stream] = {}
        self._register_id = secrets.token_hex(8).encode()
        self._register_seq = 0
        self._challenge: digest.Challenge | None = None
        self._count = 0
        self._registering: asyncio.Future[float] | None = None
        self._register_began = 0.0
        self._secret = digest.ha1("SHA-256", line["username"], domain, line["password"])
        self._uuid = f"00000000-0000-4000-8000-{int(line.get('number', line['extension'])):012d}".encode()
        self.lost = False

    # The connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        host, port = transport.get_extra_info("sockname")[:2]
        self._host = host.encode()
        self._own = b"%b:%d" % (self._host, port)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.lost = True
        for call in list(self._calls.values()):
            self._fail(call, "connection lost")
        if self._registering is not None and not self._registering.done():
            self._registering.set_exception(ConnectionError("the connection was lost"))

    def close(self) -> None:
        """Hang up the connection."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data if self._buffer else data
        at = 0
        while True:
            while data.startswith(b"\r\n", at):
                at += 2
            end = data.find(b"\r\n\r\n", at)
            if end < 0:
                break
            head = data[at:end]
            found = _LENGTH.search(head)
            until = end + 4 + (int(found[1]) if found else 0)
            if len(data) < until:
                break
            self._message(head, data[end + 4 : until])
            at = until
        self._buffer = data[at:]

    def _message(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"SIP/2.0 "):
            self._response(int(head[8:11]), head, body)
        elif head.startswith(b"INVITE "):
            self._rings(head, body)
        elif head.startswith(b"ACK "):
            pass
        else:
            if head.startswith(b"BYE "):
                self.taken.pop(_one(_CALL_ID, head), None)
            self._transport.write(self._reply(b"200 OK", head))

    # Signing in

    async def register(self, *, anew: bool = True) -> float:
        """Sign in and return the seconds it took. With `anew` it is challenged first: 401, then 200."""
        self._registering = self._loop.create_future()
        self._register_began = time.perf_counter()
        if anew:
            self._challenge = None
        self._send_register()
        return await self._registering

    def _send_register(self) -> None:
        self._register_seq += 1
        proof = b""
        if self._challenge is not None:
            self._count += 1
            uri = f"sip:{self._domain.decode()}"
            made = self._challenge.answer(
                self.line["username"], self._secret, "REGISTER", uri, self._count, secrets.token_hex(4)
            )
            proof = f"Authorization: {made}\r\n".encode()
        self._transport.write(
            _REGISTER
            % {
                b"domain": self._domain, b"own": self._own, b"branch": _token(), b"ext": self.extension,
                b"tag": self._register_id, b"call": self._register_id, b"cseq": self._register_seq,
                b"uuid": self._uuid, b"proof": proof,
            }
        )  # fmt: skip

    def _register_answered(self, status: int, head: bytes) -> None:
        waiting = self._registering
        if waiting is None or waiting.done():
            return
        if status == 200:
            waiting.set_result(time.perf_counter() - self._register_began)
        elif status == 401 and self._challenge is None:
            self._challenge, self._count = digest.Challenge.parse(_one(_CHALLENGE, head).decode()), 0
            self._send_register()
        elif status >= 300:
            waiting.set_exception(ConnectionError(f"REGISTER was answered with {status}"))

    # Calls that it makes

    def call(self, extension: bytes, talk_seconds: float | None) -> Outgoing:
        """Call somebody; hangs up `talk_seconds` after the answer, or never."""
        keys = {suite: inline(self._habits.key(suite)) for suite in self._habits.suites}
        port = self._habits.port()
        cryptos = b"".join(
            b"a=crypto:%d %b inline:%b\r\n" % (n, suite, key)
            for n, (suite, key) in enumerate(keys.items(), 1)
        )
        body = _SDP % (int(time.time()), self._host, self._host, port, cryptos)
        token = _token()
        call = Outgoing(token, token[:8], token[8:], extension, 0.0, talk_seconds, keys, stream=Stream(port))
        self._calls[token] = call
        data = _INVITE % {
            b"to": extension, b"domain": self._domain, b"own": self._own, b"branch": call.branch,
            b"ext": self.extension, b"tag": call.tag, b"call": token, b"length": len(body), b"body": body,
        }  # fmt: skip
        call.sent_at = time.perf_counter()
        self._transport.write(data)
        return call

    def _response(self, status: int, head: bytes, body: bytes) -> None:
        number, method = _CSEQ.search(head).groups()  # type: ignore[union-attr]  # our own edge sends it
        if method == b"REGISTER":
            self._register_answered(status, head)
            return
        call = self._calls.get(_one(_CALL_ID, head))
        if call is None:
            return
        if method == b"BYE":
            del self._calls[call.call_id]
            call.ended_at = time.perf_counter()
            if status != 200:
                call.failed = f"BYE answered with {status}"
            self._watcher.ended(call)
        elif method == b"INVITE" and number == b"1":
            self._invite_answered(call, status, head, body)

    def _invite_answered(self, call: Outgoing, status: int, head: bytes, body: bytes) -> None:
        if status == 180:
            call.ringing_at = call.ringing_at or time.perf_counter()
        elif status >= 300:
            call.to, call.target = _one(_TO, head), b"sip:%b@%b" % (call.called, self._domain)
            self._transport.write(self._request(call, b"ACK", 1, call.branch))
            self._fail(call, f"refused with {status}")
        elif status >= 200:
            if not call.answered_at:
                call.answered_at = time.perf_counter()
                call.to, call.target = _one(_TO, head), _one(_CONTACT, head)
                routes = _RECORD_ROUTE.findall(head)
                call.routes = b"".join(b"Route: %b\r\n" % route for route in reversed(routes))
                self._agree(call, body)
                if call.talk_seconds is not None:
                    self._loop.call_later(call.talk_seconds, self.hang_up, call)
                self._watcher.answered(call)
            self._transport.write(self._request(call, b"ACK", 1, _token()))

    def _agree(self, call: Outgoing, body: bytes) -> None:
        found, port = _CRYPTO.search(body), _PORT.search(body)
        stream = call.stream
        if found is None or port is None or found[2] not in call.offered or stream is None:
            call.failed = "the answer has no SRTP that was offered"
            return
        stream.suite, stream.key = found[2], call.offered[found[2]]
        stream.peer_port, stream.peer_key = int(port[1]), found[3]

    def hang_up(self, call: Outgoing) -> None:
        """End a call that was answered."""
        if call.call_id in self._calls and not self.lost:
            self._transport.write(self._request(call, b"BYE", 2, _token()))

    def _request(self, call: Outgoing, method: bytes, cseq: int, branch: bytes) -> bytes:
        return _IN_DIALOG % {
            b"method": method, b"target": call.target, b"own": self._own, b"branch": branch,
            b"routes": call.routes, b"ext": self.extension, b"domain": self._domain, b"tag": call.tag,
            b"to": call.to, b"call": call.call_id, b"cseq": cseq,
        }  # fmt: skip

    def _fail(self, call: Outgoing, why: str) -> None:
        self._calls.pop(call.call_id, None)
        call.failed = why
        call.ended_at = time.perf_counter()
        self._watcher.ended(call)

    # Calls that it takes

    def _rings(self, head: bytes, body: bytes) -> None:
        tag = _token()[:8]
        self._transport.write(self._reply(b"180 Ringing", head, tag))
        self._loop.call_later(self._habits.ring_seconds, self._answer, head, body, tag)

    def _answer(self, head: bytes, body: bytes, tag: bytes) -> None:
        if self.lost:
            return
        port = _PORT.search(body)
        known = [line for line in _CRYPTO.findall(body) if line[1] in self._habits.suites]
        if port is None or not known:
            self._transport.write(self._reply(b"488 Not Acceptable Here", head, tag))
            return
        number, suite, peer_key = known[0]
        stream = Stream(self._habits.port(), suite, inline(self._habits.key(suite)), int(port[1]), peer_key)
        self.taken[_one(_CALL_ID, head)] = stream
        crypto = b"a=crypto:%b %b inline:%b\r\n" % (number, suite, stream.key)
        answer = _SDP % (int(time.time()), self._host, self._host, stream.port, crypto)
        self._transport.write(self._reply(b"200 OK", head, tag, answer))

    def _reply(self, status: bytes, head: bytes, tag: bytes = b"", body: bytes = b"") -> bytes:
        to = _one(_TO, head)
        lines = [b"SIP/2.0 " + status, *_COPIED.findall(head)]
        lines.append(b"To: %b;tag=%b" % (to, tag) if tag and b";tag=" not in to else b"To: " + to)
        lines.append(b"Contact: <sip:%b@%b;transport=tls>" % (self.extension, self._own))
        if body:
            lines.append(b"Supported: timer\r\nContent-Type: application/sdp")
        lines.append(b"Content-Length: %d\r\n\r\n" % len(body))
        return b"\r\n".join(lines) + body


def _one(pattern: "re.Pattern[bytes]", head: bytes) -> bytes:
    found = pattern.search(head)
    return found[1] if found is not None else b""


def _token() -> bytes:
    return secrets.token_hex(8).encode()

"""rtpengine's commands: frames of the core become datagrams on loopback, with cookies of our own.

rtpengine remembers cookies for half a minute, whoever used them, and answers a known one from memory: that
makes sending again safe, and a random prefix for each process necessary. Only commands that call control
needs are let through: a core that was taken over gets no recording on the edge's disk and no forwarding of
voice.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

ALLOWED = frozenset(
    {
        *(b"offer", b"answer", b"delete", b"query", b"ping", b"list", b"statistics"),
        *(b"play media", b"stop media", b"block media", b"unblock media"),
    }
)

AGAIN_SECONDS = 0.25
_SENDS = 4
_MOST_BYTES = 60_000  # of a datagram; with the cookie it stays below the 65,507 that UDP carries
_MOST_UNDER_WAY = 5000
_MOST_DEPTH = 16

Answered = Callable[[bytes | None, str], None]
"""Called once: (reply, "") or (None, why there is none)."""


class NgRefused(ValueError):  # noqa: N818 - told to the core as a refusal
    """The command may not pass, or is no bencoded dictionary."""


@dataclass(slots=True)
class _Asked:
    data: bytes
    answered: Answered
    sends: int = 1


class NgClient(asyncio.DatagramProtocol):
    """Sends commands and matches replies; callbacks only, no task for a command."""

    transport: asyncio.DatagramTransport

    def __init__(self, *, again_seconds: float = AGAIN_SECONDS) -> None:
        self._prefix = secrets.token_hex(8).encode()
        self._count = 0
        self._again_seconds = again_seconds
        self._asked: dict[bytes, _Asked] = {}
        # All wait equally long, so the order of sending is the order of what is due: no heap.
        self._due: deque[tuple[float, bytes]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        self.transport = cast("asyncio.DatagramTransport", transport)

    def ask(self, command: bytes, answered: Answered) -> None:
        """Send a bencoded command; NgRefused at once, else ``answered`` is called once, later."""
        check(command)
        if len(self._asked) >= _MOST_UNDER_WAY:
            answered(None, "too many commands wait for rtpengine")
            return
        self._count += 1
        cookie = b"%s%x" % (self._prefix, self._count)
        data = b"%s %s" % (cookie, command)
        self._asked[cookie] = _Asked(data, answered)
        self.transport.sendto(data)
        self._wait_for(cookie)

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 - asyncio's signature
        """Hand a reply to whoever asked; others are dropped."""
        cookie, _, reply = data.partition(b" ")
        asked = self._asked.pop(cookie, None)
        if asked is not None:
            asked.answered(reply, "")

    def error_received(self, exc: Exception) -> None:
        """Do nothing: rtpengine is restarting, the command is sent again and fails in its time."""

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Answer all that waits."""
        if self._timer is not None:
            self._timer.cancel()
        asked, self._asked = self._asked, {}
        for each in asked.values():
            each.answered(None, "the edge agent stops")

    def _wait_for(self, cookie: bytes) -> None:
        loop = asyncio.get_running_loop()
        self._due.append((loop.time() + self._again_seconds, cookie))
        if self._timer is None:
            self._timer = loop.call_later(self._again_seconds, self._send_again)

    def _send_again(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now, due = loop.time(), self._due
        while due and (due[0][0] <= now or due[0][1] not in self._asked):
            _, cookie = due.popleft()
            asked = self._asked.get(cookie)
            if asked is None:
                continue
            if asked.sends >= _SENDS:
                del self._asked[cookie]
                asked.answered(None, "rtpengine does not answer")
                continue
            asked.sends += 1
            self.transport.sendto(asked.data)
            due.append((now + self._again_seconds, cookie))
        if due and self._timer is None:
            self._timer = loop.call_at(due[0][0], self._send_again)


def check(command: bytes) -> None:
    """Raise NgRefused unless this is one bencoded dictionary with a command that may pass."""
    if len(command) > _MOST_BYTES:
        raise NgRefused(f"a command of {len(command)} bytes is too long for a datagram")
    name = _command(command)
    if name not in ALLOWED:
        raise NgRefused(f"the command {name.decode('ascii', 'replace')[:40]!r} may not pass the edge")


def _command(data: bytes) -> bytes:
    """Return the value of the one top-level key ``command``, having walked over everything else."""
    if data[:1] != b"d":
        raise NgRefused("an ng command is a bencoded dictionary")
    at, found = 1, None
    while data[at : at + 1] != b"e":
        key, at = _string(data, at)
        if key == b"command":
            if found is not None:
                raise NgRefused("a second command in one dictionary")
            found, at = _string(data, at)
        else:
            at = _skip(data, at)
    if at + 1 != len(data):
        raise NgRefused("something follows the dictionary")
    if found is None:
        raise NgRefused("there is no command in the dictionary")
    return found


def _string(data: bytes, at: int) -> tuple[bytes, int]:
    colon = data.find(b":", at, at + 7)
    digits = data[at:colon]
    if colon < 0 or not digits.isdigit():
        raise NgRefused("broken bencoding")
    start = colon + 1
    end = start + int(digits)
    if end > len(data):
        raise NgRefused("broken bencoding")
    return data[start:end], end


def _skip(data: bytes, at: int) -> int:
    """Return the place after the value at ``at``."""
    depth = 0
    while True:
        first = data[at : at + 1]
        if first in (b"d", b"l"):
            depth += 1
            if depth > _MOST_DEPTH:
                raise NgRefused("bencoding nested too deep")
            at += 1
        elif first == b"e":
            depth -= 1
            at += 1
        elif first == b"i":
            end = data.find(b"e", at, at + 24)
            if end < 0 or not data[at + 1 : end].lstrip(b"-").isdigit():
                raise NgRefused("broken bencoding")
            at = end + 1
        else:
            _, at = _string(data, at)
        if depth < 0:
            raise NgRefused("broken bencoding")
        if depth == 0:
            return at

"""Are the carriers there? OPTIONS to each, and REGISTER where it wants one.

Rules that this module keeps:
- Whatever a carrier answers to OPTIONS, it is there; silence, 503 and a missing connection say that it is
  not. It is asked more often while it is away.
- A registration is refreshed at half of its time; a refused one is tried again, later each time.
"""

import logging
import secrets
import time
from collections.abc import Callable
from typing import Final

from ringwall.core.rights.trunk import TrunkLine
from ringwall.core.trunks import login
from ringwall.core.trunks.trunks import Trunks, TrunkState
from ringwall.events import Record
from ringwall.events.trunks import TrunkDown, TrunkNotRegistered, TrunkRegistered, TrunkUp
from ringwall.sip.errors import ParseError
from ringwall.sip.headers import NameAddr
from ringwall.sip.message import Headers, Request, Response
from ringwall.sip.timers import TimerQueue

log = logging.getLogger(__name__)

AWAY_SECONDS: Final = 10.0  # between questions while a carrier does not answer
_FIRST_RETRY: Final = 15.0
_LONGEST_RETRY: Final = 600.0
_SHORTEST: Final = 30  # seconds: nobody makes us register more often
_UNHEARD: Final = frozenset({408, 430, 503})

Errand = Callable[[Request, Callable[[Request, Response], None]], str]


class Supervision:
    """Asks and registers by timers; owns no clock: `due` is called by the dispatcher's one timer."""

    def __init__(
        self,
        trunks: Trunks,
        password: Callable[[str], str | None],
        errand: Errand,
        record: Record,
        *,
        contact: str,
        product: str,
        now: Callable[[], float],
    ) -> None:
        """`errand` sends a request and gives its final answer; `contact` is the "host:port" of our door."""
        self._trunks = trunks
        self._password = password
        self._errand = errand
        self._record = record
        self._contact = contact
        self._product = product
        self._now = now
        self.timers: TimerQueue[tuple[str, str]] = TimerQueue()
        self._known: dict[str, TrunkLine] = {}
        self._cseq: dict[str, int] = {}
        self._retry: dict[str, float] = {}
        self._open: set[tuple[str, str]] = set()  # what was asked and not answered yet
        self._call_ids: dict[tuple[str, str], str] = {}

    # Which trunks

    def refresh(self) -> None:
        """The trunks have changed, or the link is up again: begin with what is new, forget what is gone."""
        lines = {trunk: line for trunk in self._trunks.slots if (line := self._trunks.line(trunk))}
        for trunk, old in self._known.items():
            if lines.get(trunk) != old:
                self._forget(trunk, old, gone=trunk not in lines)
        for trunk, line in lines.items():
            if self._known.get(trunk) != line:
                self._begin(line)
        self._known = lines

    def link_down(self) -> None:
        """What was asked over the lost link will not be answered, and that says nothing of the carriers."""
        self._open.clear()

    def link_up(self) -> None:
        """Ask everybody anew."""
        for line in self._known.values():
            self._begin(line)

    def _begin(self, line: TrunkLine) -> None:
        state = self._trunks.states[line.id]
        state.registered = False if line.registers else None
        if line.options_seconds:
            self.timers.set(("options", line.id), self._now() + 1.0)
        if line.registers:
            self.timers.set(("register", line.id), self._now() + 1.0)

    def _forget(self, trunk: str, old: TrunkLine, *, gone: bool) -> None:
        for word in ("options", "register"):
            self.timers.cancel((word, trunk))
            self._open.discard((word, trunk))
        self._retry.pop(trunk, None)
        if gone:
            log.info("trunk %s (%s) is out of service", trunk, old.name)

    # What is asked

    def due(self) -> None:
        """Do what has come due."""
        for word, trunk in self.timers.pop_due(self._now()):
            line = self._trunks.line(trunk)
            if line is None or (word, trunk) in self._open:
                continue
            self._open.add((word, trunk))
            if word == "options":
                self._send(line, self._options(line), self._asked)
            else:
                self._send(line, self._register(line), self._registered)

    def _send(
        self, line: TrunkLine, request: Request, then: Callable[[TrunkLine, Request, Response], None]
    ) -> None:
        def answered(request: Request, response: Response) -> None:
            if self._trunks.line(line.id) != line or (request.method.lower(), line.id) not in self._open:
                return  # the trunk was changed in the meantime
            password = self._password(line.id) or ""
            header = login.credentials(request, response, line.username, password)
            if header is not None:
                again = Request(request.method, request.uri, request.headers.copy())
                again.headers.remove("Via")
                again.headers.set(*header)
                again.headers.set("CSeq", f"{self._next(line)} {request.method}")
                self._errand(again, answered)
                return
            self._open.discard((request.method.lower(), line.id))
            then(line, request, response)

        self._trunks.address(line.id, request)
        self._errand(request, answered)

    def _next(self, line: TrunkLine) -> int:
        self._cseq[line.id] = self._cseq.get(line.id, 0) + 1
        return self._cseq[line.id]

    def _head(self, line: TrunkLine, method: str) -> Headers:
        domain = line.domain or line.host
        user = line.username or "ringwall"
        call_id = self._call_ids.setdefault((line.id, method), secrets.token_hex(12))
        address = f"<sip:{user}@{domain}>"
        return Headers(
            [
                ("Max-Forwards", "70"),
                ("From", f"{address};tag={secrets.token_hex(6)}"),
                ("To", address if method == "REGISTER" else f"<sip:{domain}>"),
                ("Call-ID", call_id),
                ("CSeq", f"{self._next(line)} {method}"),
                ("Contact", f"<sip:{user}@{self._contact};transport=tls>"),
                ("User-Agent", self._product),
            ]
        )

    def _options(self, line: TrunkLine) -> Request:
        return Request("OPTIONS", _target(line), self._head(line, "OPTIONS"))

    def _register(self, line: TrunkLine) -> Request:
        headers = self._head(line, "REGISTER")
        headers.add("Expires", str(line.register_seconds))
        return Request("REGISTER", f"sip:{line.domain or line.host}", headers)

    # What they say

    def _asked(self, line: TrunkLine, _request: Request, response: Response) -> None:
        up = response.status not in _UNHEARD
        why = f"{response.status} {response.reason} to OPTIONS"[:120]
        self._note(line, up=up, why=why)
        seconds = float(line.options_seconds) if up else min(AWAY_SECONDS, line.options_seconds)
        self.timers.set(("options", line.id), self._now() + seconds)

    def _note(self, line: TrunkLine, *, up: bool, why: str) -> None:
        first = self._trunks.states[line.id].up is None
        if self._trunks.note(line.id, time.time(), up=up, why=why) and not (first and up):
            kind = TrunkUp if up else TrunkDown
            self._record(kind(trunk=line.id, why="" if up else why))

    def _registered(self, line: TrunkLine, _request: Request, response: Response) -> None:
        state = self._trunks.states[line.id]
        if 200 <= response.status < 300:
            seconds = granted(response, line.register_seconds)
            self._retry.pop(line.id, None)
            self._registration(line, state, registered=True, why=f"for {seconds} s")
            self.timers.set(("register", line.id), self._now() + seconds / 2)
            return
        why = "the carrier refuses our login" if response.status in {401, 403, 407} else ""
        self._registration(
            line, state, registered=False, why=why or f"{response.status} {response.reason}"[:120]
        )
        pause = min(self._retry.get(line.id, _FIRST_RETRY / 2) * 2, _LONGEST_RETRY)
        self._retry[line.id] = pause
        self.timers.set(("register", line.id), self._now() + pause)

    def _registration(self, line: TrunkLine, state: TrunkState, *, registered: bool, why: str) -> None:
        news = state.registered is not registered or (not registered and state.registration != why)
        state.registered, state.registration = registered, why
        if news:
            kind = TrunkRegistered if registered else TrunkNotRegistered
            self._record(kind(trunk=line.id, why="" if registered else why))


def granted(response: Response, asked: int) -> int:
    """For how long the carrier keeps our registration, in seconds (RFC 3261 10.2.4)."""
    text = ""
    for value in response.headers.all("contact"):
        try:
            text = NameAddr.parse(value).params.get("expires") or text
        except ParseError:
            continue
    text = text or response.headers.get("expires") or ""
    seconds = int(text) if text.isdecimal() and len(text) < 9 else asked
    return max(min(seconds, asked), _SHORTEST)


def _target(line: TrunkLine) -> str:
    host = f"[{line.host}]" if ":" in line.host else line.host
    return f"sip:{host}:{line.port};transport={line.transport}"

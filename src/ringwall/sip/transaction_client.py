"""Client transactions: the requests that we sent and whose answers are still awaited.

Rules that this module keeps (see `transaction_states` for the tables):

- A response belongs to a transaction if its topmost branch and the method of its CSeq say so (RFC 3261
  17.1.3); any other is dropped.
- After a 2xx the request is kept without its body, for the answers of further branches of a fork.
- Every transaction ends by itself in a bounded time, so the number of them needs no limit of its own.
"""

from collections.abc import Callable, Iterable
from typing import Final

from ringwall.sip.message import Request, Response
from ringwall.sip.timers import TimerQueue
from ringwall.sip.transaction_events import Event, ResponseReceived, TimedOut, TransactionFailed
from ringwall.sip.transaction_states import (
    CLIENT_CANCEL,
    CLIENT_INVITE,
    CLIENT_OTHER,
    Happening,
    Send,
    State,
    Table,
    Tell,
    Timer,
    happening_of,
)

MAGIC_COOKIE: Final = "z9hG4bK"  # RFC 3261 8.1.1.7
MAX_FORWARDS: Final = "70"
_CANCEL_SUFFIX: Final = " CANCEL"  # a CANCEL has the branch of its INVITE
_RINGING_SECONDS: Final = 185.0  # timer C: RFC 3261 16.6 asks for more than three minutes


class _Transaction:
    __slots__ = ("key", "method", "reason", "request", "state", "table")

    def __init__(self, key: str, method: str, state: State, table: Table, request: Request) -> None:
        self.key = key
        self.method = method
        self.state = state
        self.table = table
        self.request = request
        self.reason: tuple[tuple[str, str], ...] = ()  # what the user wants to stand in the CANCEL


def _table_of(method: str) -> tuple[Table, State]:
    if method == "INVITE":
        return CLIENT_INVITE, State.CALLING
    if method == "CANCEL":
        return CLIENT_CANCEL, State.TRYING
    return CLIENT_OTHER, State.TRYING


class ClientTransactions:
    """The client's half of `Transactions`."""

    __slots__ = ("_ids", "_open", "_outbox", "_timers", "_via", "_wait")

    def __init__(
        self, outbox: list[bytes], timers: TimerQueue[str], *, via: str, t1: float, ids: Callable[[], str]
    ) -> None:
        self._outbox = outbox
        self._timers = timers
        self._via = via
        self._ids = ids
        self._open: dict[str, _Transaction] = {}
        self._wait = {Timer.FULL: 64 * t1, Timer.RINGING: max(_RINGING_SECONDS, 64 * t1)}

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, key: str) -> bool:
        return key in self._open

    def request(self, request: Request, now: float) -> str:
        """Send `request` and await its answer."""
        if request.method in ("ACK", "CANCEL"):
            raise ValueError(f"{request.method} makes no transaction of its user: see send and cancel")
        key = self.stamp(request)
        table, state = _table_of(request.method)
        self._open[key] = _Transaction(key, request.method, state, table, request)
        self._outbox.append(request.to_bytes())
        self._timers.set(key, now + self._wait[Timer.FULL])
        return key

    def stamp(self, request: Request) -> str:
        """Put our Via with a new branch on top of `request`, and return the branch."""
        branch = MAGIC_COOKIE + self._ids()
        request.headers.prepend("Via", f"{self._via};branch={branch}")
        return branch

    def cancel(self, key: str, now: float, headers: Iterable[tuple[str, str]]) -> None:
        """Cancel the INVITE `key` now, or as soon as a provisional answer allows it."""
        transaction = self._open.get(key)
        if transaction is not None and transaction.method == "INVITE":
            if transaction.state in (State.CALLING, State.PROCEEDING):
                transaction.reason = tuple(headers)
            self._step(transaction, Happening.CANCEL, now, None)

    def receive(self, response: Response, now: float) -> list[Event]:
        """Take a response that came in."""
        method = response.cseq.method
        key = response.branch
        transaction = self._open.get(key + _CANCEL_SUFFIX if method == "CANCEL" else key)
        if transaction is None or transaction.method != method:
            return []
        return self._step(transaction, happening_of(response.status), now, response)

    def expire(self, key: str, now: float) -> list[Event]:
        """Take note that the timer of `key` has come due."""
        return self._step(self._open[key], Happening.TIMER, now, None)

    def fail_all(self, now: float) -> list[Event]:
        """End every transaction that still awaits a final answer."""
        events: list[Event] = []
        for transaction in list(self._open.values()):
            events += self._step(transaction, Happening.LINK_LOST, now, None)
        return events

    def _step(
        self, transaction: _Transaction, happening: Happening, now: float, response: Response | None
    ) -> list[Event]:
        row = transaction.table[transaction.state].get(happening)
        if row is None:
            return []
        before, transaction.state = transaction.state, row.to
        key = transaction.key
        request = transaction.request
        if row.send is Send.ACK:
            assert response is not None
            self._outbox.append(_follow_up("ACK", request, response.headers.get("To")))
        elif row.send is Send.CANCEL:
            self._send_cancel(transaction, now)
        if row.to is State.TERMINATED:
            del self._open[key]
            self._timers.cancel(key)
        elif row.timer is not None:
            self._timers.set(key, now + self._wait[row.timer])
        if row.to is State.ACCEPTED and before is not State.ACCEPTED:
            transaction.request = Request(request.method, request.uri, request.headers, b"")
        if row.tell is Tell.RESPONSE:
            assert response is not None
            return [ResponseReceived(key, request, response)]
        if row.tell is Tell.TIMED_OUT:
            return [TimedOut(key, request)]
        if row.tell is Tell.FAILED:
            return [TransactionFailed(key, request)]
        return []

    def _send_cancel(self, invite: _Transaction, now: float) -> None:
        request = invite.request
        key = invite.key + _CANCEL_SUFFIX
        self._outbox.append(_follow_up("CANCEL", request, request.headers.get("To"), invite.reason))
        self._open[key] = _Transaction(key, "CANCEL", State.TRYING, CLIENT_CANCEL, request)
        self._timers.set(key, now + self._wait[Timer.FULL])


def _follow_up(method: str, invite: Request, to: str | None, extra: Iterable[tuple[str, str]] = ()) -> bytes:
    """The ACK for a refused INVITE (RFC 3261 17.1.1.3), or the CANCEL of one (9.1).

    Both go the way of the INVITE: its Request-URI, its topmost Via alone, its Route. They are written as
    bytes at once, for nobody looks at them again.
    """
    headers = invite.headers
    lines = [
        f"{method} {invite.uri} SIP/2.0",
        f"Via: {headers.get('Via')}",
        f"Max-Forwards: {MAX_FORWARDS}",
        *(f"Route: {route}" for route in headers.all("Route")),
        f"From: {headers.get('From')}",
        f"To: {to}",
        f"Call-ID: {headers.get('Call-ID')}",
        f"CSeq: {invite.cseq.number} {method}",
        *(f"{name}: {text}" for name, text in extra),
        "Content-Length: 0\r\n\r\n",
    ]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")

"""Transactions (RFC 3261 17, RFC 6026) over a reliable transport: messages in, events and bytes out.

Rules that this module keeps:

- No socket, no clock. `now` is seconds on a monotonic clock; whoever owns the link writes what `take_output`
  gives and calls `expire` when `deadline` has come.
- Nothing that comes in raises, nor does anything that the user does too late: a stray response or ACK is
  dropped, an answer to a finished transaction is too.
- The tables of `transaction_states` decide everything; `transaction_client` and `transaction_server` carry it
  out.
- 100 Trying is not sent: the edge has sent it (RFC 3261 17.2.1 needs one only where the answer takes 200 ms).
"""

import secrets
from collections.abc import Callable, Iterable
from typing import Final

from ringwall.sip.message import Request, Response
from ringwall.sip.timers import TimerQueue
from ringwall.sip.transaction_client import ClientTransactions
from ringwall.sip.transaction_events import (
    AckMissing,
    AckReceived,
    Cancelled,
    Event,
    RequestReceived,
    ResponseReceived,
    TimedOut,
    TransactionFailed,
)
from ringwall.sip.transaction_server import MayAcknowledge, MayCancel, ServerTransactions

__all__ = [
    "T1",
    "T2",
    "AckMissing",
    "AckReceived",
    "Cancelled",
    "Event",
    "RequestReceived",
    "ResponseReceived",
    "TimedOut",
    "TransactionFailed",
    "Transactions",
]

T1: Final = 0.5  # seconds, RFC 3261 17.1.1.1
T2: Final = 4.0  # seconds: the longest pause between two repetitions
DEFAULT_LIMIT: Final = 20_000  # of a hundred calls a second about 3,200 linger on each side


def _random_id() -> str:
    return secrets.token_hex(8)


class Transactions:
    """All transactions of one link."""

    __slots__ = ("_clients", "_servers", "_timers", "outbox")

    def __init__(
        self,
        via: str,
        transport: str = "TLS",
        t1: float = T1,
        ids: Callable[[], str] = _random_id,
        *,
        t2: float = T2,
        limit: int = DEFAULT_LIMIT,
    ) -> None:
        """Make an empty set.

        `via` is the "host:port" that our Via carries; `ids` gives random tokens of letters and digits, for
        branches and tags; `limit` bounds the server's half.
        """
        self.outbox: list[bytes] = []
        self._timers: TimerQueue[str] = TimerQueue()
        self._clients = ClientTransactions(
            self.outbox, self._timers, via=f"SIP/2.0/{transport} {via}", t1=t1, ids=ids
        )
        self._servers = ServerTransactions(self.outbox, self._timers, t1=t1, t2=t2, limit=limit, ids=ids)

    def __len__(self) -> int:
        """How many transactions are open, on both sides."""
        return len(self._clients) + len(self._servers)

    def receive(self, message: Request | Response, now: float) -> list[Event]:
        """Take a message that came in, and return what the user has to know of it."""
        if isinstance(message, Request):
            return self._servers.receive(message, now)
        return self._clients.receive(message, now)

    def request(self, request: Request, now: float) -> str:
        """Send a request with our Via on top of it; return the transaction's key.

        `request` is changed: its Via is added to it. It must not be changed afterwards. Raises ValueError for
        ACK and CANCEL, for which `send` and `cancel` are there.
        """
        return self._clients.request(request, now)

    def respond(self, key: str, response: Response, now: float) -> None:
        """Answer the request `key`. Nothing happens where it already has a final answer or is no more."""
        self._servers.respond(key, response, now)

    def cancel(self, key: str, now: float, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Cancel the INVITE `key`: at once after a provisional answer, else when one comes (RFC 3261 9.1).

        Its end is told as usual: 487 as a rule, a 2xx where that crossed the CANCEL, or `TimedOut`. `headers`
        go into the CANCEL, as Reason (RFC 3326) does. Nothing happens where the INVITE already has a final
        answer.
        """
        self._clients.cancel(key, now, headers)

    def explain(self, key: str, *, explained: bool) -> None:
        """Say whether the answers to the request `key` tell why.

        If not, they go out with the usual reason phrase of their status and without a Warning, whatever the
        user gives to `respond`. Until this is called they tell all.
        """
        self._servers.explain(key, explained)

    def let_cancel(self, may_cancel: MayCancel) -> None:
        """Ask `may_cancel(key, INVITE, CANCEL)` before an INVITE that came in is cancelled.

        The branch, the tags and the Call-ID that make a CANCEL match are seen by more than the caller, and
        prove nothing, and it cannot be challenged (RFC 3261 22.1). Until this is called, matching is enough.
        """
        self._servers.may_cancel = may_cancel

    def let_acknowledge(self, may_acknowledge: MayAcknowledge) -> None:
        """Ask `may_acknowledge(key, ACK)` before the ACK for a 2xx of ours counts.

        It can bring the answer to an offer of ours (RFC 3261 13.2.1), and what makes it match proves as
        little as with a CANCEL. One that may not is dropped: nothing answers an ACK.
        """
        self._servers.may_acknowledge = may_acknowledge

    def send(self, request: Request) -> None:
        """Send a request that makes no transaction, with our Via on top of it: the ACK for a 2xx."""
        self._clients.stamp(request)
        self.outbox.append(request.to_bytes())

    def take_output(self) -> bytes:
        """Take everything that is to be written, in order."""
        output = b"".join(self.outbox)
        self.outbox.clear()
        return output

    def deadline(self) -> float | None:
        """When `expire` wants to be called, or None."""
        return self._timers.next()

    def expire(self, now: float) -> list[Event]:
        """Let everything happen whose time has come."""
        events: list[Event] = []
        for key in self._timers.pop_due(now):
            half = self._servers if key in self._servers else self._clients
            events += half.expire(key, now)
        return events

    def fail_all(self, now: float) -> list[Event]:
        """The link is lost: every request of ours that awaits a final answer fails.

        Requests that came in stay: the edge takes their answers from the next link as well.
        """
        return self._clients.fail_all(now)

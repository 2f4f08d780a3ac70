"""Server transactions: the requests that came in and are being answered.

Rules that this module keeps (see `transaction_states` for the tables):

- A request belongs to a transaction if its topmost branch, the sent-by beside it and its method do; where the
  branch lacks the magic cookie, all the fields that RFC 2543 matched on take its place (RFC 3261 17.2.3).
- Each transaction sends at most one final answer. What the user says after it is dropped.
- A CANCEL is answered here: 200 where there is an INVITE to cancel and the user lets its sender cancel it,
  else 481 (RFC 3261 9.2).
- A request outside a dialog that reaches us twice, by two ways, is refused the second time with 482
  (8.2.2.2).
- The number of transactions is bounded. Over `limit` a request outside a dialog is refused with 503; one
  inside a dialog still has room up to twice the limit, because a BYE makes load go away.
- The INVITE is forgotten with its final answer and a 2xx with its ACK: in the 32 seconds that a transaction
  stays behind a call it holds three short strings.
"""

from collections.abc import Callable, Iterable
from typing import Final

from ringwall.sip.message import Request, Response
from ringwall.sip.reasons import reason_of
from ringwall.sip.timers import TimerQueue
from ringwall.sip.transaction_client import MAGIC_COOKIE
from ringwall.sip.transaction_events import AckMissing, AckReceived, Cancelled, Event, RequestReceived
from ringwall.sip.transaction_states import (
    SERVER_INVITE,
    SERVER_OTHER,
    Happening,
    Row,
    State,
    Table,
    Tell,
    Timer,
    happening_of,
)

_RETRY_AFTER: Final = "5"  # seconds that a caller is asked to wait when the table is full
_FIRST_SUCCESS: Final = 200

MayCancel = Callable[[str, Request, Request], bool]
"""Whether a CANCEL is of whom the INVITE is of: `may_cancel(key of the INVITE, INVITE, CANCEL)`."""


MayAcknowledge = Callable[[str, Request], bool]
"""Whether an ACK is of whom the INVITE was of that we accepted: `may_acknowledge(key of the INVITE, ACK)`."""


class _Transaction:
    __slots__ = (
        "ack", "ends_at", "interval", "invite", "key", "last", "merge", "state", "table", "terse", "to"
    )  # fmt: skip

    def __init__(self, key: str, state: State, table: Table) -> None:
        self.key = key
        self.state = state
        self.table = table
        self.invite: Request | None = None  # until its final answer
        self.merge: str | None = None  # what the same request would have in common that came another way
        self.terse = False  # whether its answers are a status and nothing about why
        self.last: bytes | None = None  # the last answer, as long as it may have to be sent again
        self.to: str | None = None  # the To of the last answer: a CANCEL is answered with the same tag
        self.ack: str | None = None  # by which the ACK of the 2xx is known
        self.interval = 0.0  # seconds between the last two times that the 2xx was sent
        self.ends_at = 0.0  # when the 64*T1 are over


class ServerTransactions:
    """The server's half of `Transactions`."""

    __slots__ = (
        "_awaited", "_ids", "_limit", "_merged", "_open", "_outbox", "_t1", "_t2", "_timers",
        "may_acknowledge", "may_cancel",
    )  # fmt: skip

    def __init__(
        self,
        outbox: list[bytes],
        timers: TimerQueue[str],
        *,
        t1: float,
        t2: float,
        limit: int,
        ids: Callable[[], str],
    ) -> None:
        self._outbox = outbox
        self._timers = timers
        self._t1 = t1
        self._t2 = t2
        self._limit = limit
        self._ids = ids
        self._open: dict[str, _Transaction] = {}
        self._merged: set[str] = set()
        self._awaited: dict[str, _Transaction] = {}  # by what the ACK of a 2xx will carry
        self.may_cancel: MayCancel = lambda _key, _invite, _cancel: True
        self.may_acknowledge: MayAcknowledge = lambda _key, _ack: True

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, key: str) -> bool:
        return key in self._open

    def receive(self, request: Request, now: float) -> list[Event]:
        """Take a request that came in."""
        method = request.method
        if method == "ACK":
            return self._receive_ack(request, now)
        if method == "CANCEL":
            return self._receive_cancel(request, now)
        key = _key_of(request, method)
        transaction = self._open.get(key)
        if transaction is not None:
            return self._step(transaction, Happening.REPEATED, now)
        to_tag = request.to.tag
        count = len(self._open)
        if count >= self._limit and (to_tag is None or count >= 2 * self._limit):
            self._refuse(request, 503, (("Retry-After", _RETRY_AFTER),))
            return []
        merge = None
        if to_tag is None:
            merge = f"{request.call_id}|{request.from_.tag}|{request.cseq.number}|{method}"
            if merge in self._merged:
                self._refuse(request, 482)
                return []
            self._merged.add(merge)
        if method == "INVITE":
            transaction = _Transaction(key, State.PROCEEDING, SERVER_INVITE)
            transaction.invite = request
        else:
            transaction = _Transaction(key, State.TRYING, SERVER_OTHER)
            self._start(transaction, Timer.FULL, now)
        transaction.merge = merge
        self._open[key] = transaction
        return [RequestReceived(key, request)]

    def respond(self, key: str, response: Response, now: float) -> None:
        """Send the user's answer, if the transaction still has room for it."""
        transaction = self._open.get(key)
        if transaction is None:
            return
        row = transaction.table[transaction.state].get(happening_of(response.status))
        if row is None:
            return
        if transaction.terse:
            response = _without_why(response)
        transaction.last = response.to_bytes()
        invite = transaction.invite
        if invite is not None:
            transaction.to = response.headers.get("To")
            if row.to is State.ACCEPTED:
                transaction.ack = _ack_key(invite, response.to.tag)
                self._awaited[transaction.ack] = transaction
            if response.status >= _FIRST_SUCCESS:
                transaction.invite = None
        self._take(transaction, row, now, None)

    def explain(self, key: str, explained: bool) -> None:
        """Say whether the answers to the request `key` tell why."""
        transaction = self._open.get(key)
        if transaction is not None:
            transaction.terse = not explained

    def expire(self, key: str, now: float) -> list[Event]:
        """Take note that the timer of `key` has come due."""
        transaction = self._open[key]
        over = now >= transaction.ends_at
        return self._step(transaction, Happening.EXPIRED if over else Happening.REPEAT_DUE, now)

    def _receive_ack(self, request: Request, now: float) -> list[Event]:
        # An ACK for a refusal has the branch of its INVITE; one for a 2xx has a branch of its own.
        transaction = self._open.get(_key_of(request, "INVITE")) or self._awaited.get(
            _ack_key(request, request.to.tag)
        )
        if transaction is None:
            return []
        if transaction.state is State.ACCEPTED and not self.may_acknowledge(transaction.key, request):
            return []
        return self._step(transaction, Happening.ACK, now, request)

    def _receive_cancel(self, request: Request, now: float) -> list[Event]:
        transaction = self._open.get(_key_of(request, "INVITE"))
        invite = None if transaction is None else transaction.invite
        if transaction is None or (
            invite is not None and not self.may_cancel(transaction.key, invite, request)
        ):
            self._refuse(request, 481)
            return []
        # RFC 3261 9.2: the answer to the CANCEL should have the tag that the answers to the INVITE have.
        response = request.response(200, to_tag=self._ids())
        if transaction.to is not None:
            response.headers.set("To", transaction.to)
        self._outbox.append(response.to_bytes())
        return self._step(transaction, Happening.CANCEL, now)

    def _refuse(self, request: Request, status: int, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Answer without a transaction (RFC 3261 8.2.7); the ACK that an INVITE brings matches nothing."""
        self._outbox.append(request.response(status, to_tag=self._ids(), headers=headers).to_bytes())

    def _step(
        self, transaction: _Transaction, happening: Happening, now: float, ack: Request | None = None
    ) -> list[Event]:
        row = transaction.table[transaction.state].get(happening)
        return [] if row is None else self._take(transaction, row, now, ack)

    def _take(self, transaction: _Transaction, row: Row, now: float, ack: Request | None) -> list[Event]:
        transaction.state = row.to
        if row.send is not None and transaction.last is not None:
            self._outbox.append(transaction.last)
        if row.to is State.TERMINATED:
            self._forget(transaction)
        elif row.timer is not None:
            self._start(transaction, row.timer, now)
        if row.tell is Tell.ACK:
            assert ack is not None
            self._stop_awaiting(transaction)
            transaction.last = transaction.to = None
            return [AckReceived(ack, transaction.key)]
        if row.tell is Tell.CANCELLED:
            assert transaction.invite is not None
            return [Cancelled(transaction.key, transaction.invite)]
        if row.tell is Tell.ACK_MISSING:
            return [AckMissing(transaction.key)]
        return []

    def _start(self, transaction: _Transaction, timer: Timer, now: float) -> None:
        if timer is Timer.NEXT_REPEAT:
            transaction.interval = min(2 * transaction.interval, self._t2)
            self._timers.set(transaction.key, min(now + transaction.interval, transaction.ends_at))
            return
        if timer is not Timer.REST:
            transaction.ends_at = now + 64 * self._t1
        if timer is Timer.FIRST_REPEAT:
            transaction.interval = self._t1
            self._timers.set(transaction.key, now + self._t1)
        else:
            self._timers.set(transaction.key, transaction.ends_at)

    def _stop_awaiting(self, transaction: _Transaction) -> None:
        ack = transaction.ack
        if ack is not None:
            if self._awaited.get(ack) is transaction:
                del self._awaited[ack]
            transaction.ack = None

    def _forget(self, transaction: _Transaction) -> None:
        del self._open[transaction.key]
        self._timers.cancel(transaction.key)
        self._stop_awaiting(transaction)
        if transaction.merge is not None:
            self._merged.discard(transaction.merge)


def _key_of(request: Request, method: str) -> str:
    """The fields by which RFC 3261 17.2.3 matches. It ends in a bar and a method; no client's key does."""
    via = request.via
    branch = via.branch
    if branch and branch.startswith(MAGIC_COOKIE):
        return f"{branch}|{via.host}:{via.port}|{method}"
    # RFC 2543. The To tag is left out: the ACK of a refusal has one where its INVITE had none.
    return (
        f"{request.uri}|{request.headers.get('Via')}|{request.call_id}|{request.from_.tag}|"
        f"{request.cseq.number}|{method}"
    )


def _without_why(response: Response) -> Response:
    """The same answer, with the usual reason phrase and no Warning."""
    headers = response.headers.copy()
    headers.remove("Warning")
    return Response(response.status, reason_of(response.status), headers, response.body)


def _ack_key(request: Request, to_tag: str | None) -> str:
    """What an INVITE that was accepted with `to_tag` has in common with its ACK (RFC 3261 13.3.1.4)."""
    return f"{request.call_id}|{request.from_.tag}|{to_tag}|{request.cseq.number}"

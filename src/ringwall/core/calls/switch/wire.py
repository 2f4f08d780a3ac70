"""The way from call control to the wire: requests, answers and what waits for the link.

Rules that this module keeps:
- Bytes leave once per batch: whoever calls in from outside (a read from the link, a timer, a finished task)
  flushes.
- What is to be sent while the link is down waits for it, for a short while.
- A carrier that asks for our login gets it, on the leg that it asks on, and only there.
"""

import asyncio
from collections.abc import Callable

from ringwall.core.calls.model.leg import Continuation, Leg
from ringwall.core.calls.switch.hooks import Hooks
from ringwall.core.errors import CoreSignal
from ringwall.core.trunks import login
from ringwall.core.trunks.rights import Rights
from ringwall.core.trunks.trunks import Trunks
from ringwall.sip.message import Request, Response
from ringwall.sip.transaction import Transactions

HELD_SECONDS = 10.0  # what is older when the link is back would only confuse whoever gets it
HELD_MESSAGES = 5000


class LegGone(CoreSignal):
    """The leg ended while a task waited for its party's answer: there is nothing left to do."""


class Wire:
    """Sends for the legs of one edge link, and brings what comes back to who asked."""

    def __init__(
        self,
        transactions: Transactions,
        write: Callable[[bytes], None],
        rights: Rights,
        trunks: Trunks,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.tx = transactions
        self.rights = rights
        self.trunks = trunks
        self.hooks = Hooks()
        self.out_of_dialog: dict[
            str, Continuation
        ] = {}  # our requests that belong to no leg, by transaction key
        self._held_since: float | None = loop.time()  # since when the link is down; it is not up yet
        self._write = write
        self._loop = loop

    def now(self) -> float:
        """Monotonic seconds, the clock of all timers here."""
        return self._loop.time()

    def flush(self) -> None:
        """Write what the transactions have made since the last time."""
        if self._held_since is None:
            data = self.tx.take_output()
            if data:
                self._write(data)
        elif len(self.tx.outbox) > HELD_MESSAGES:
            del self.tx.outbox[:-HELD_MESSAGES]
        self.hooks.wake()

    @property
    def link_is_up(self) -> bool:
        """Whether what is sent now leaves now."""
        return self._held_since is None

    def hold(self) -> None:
        """The link is down: keep what is to be sent."""
        if self._held_since is None:
            self._held_since = self.now()

    def release(self) -> None:
        """The link is up: send what was kept, unless it is old."""
        if self._held_since is not None and self.now() - self._held_since > HELD_SECONDS:
            self.tx.take_output()
        self._held_since = None
        self.flush()

    def request(self, leg: Leg, request: Request, then: Continuation) -> str:
        """Send a request on a leg; `then` gets its responses, a time-out as 408 and a lost link as 503."""
        self._address(leg, request)
        key = self.tx.request(request, self.now())
        leg.client_transactions[key] = self._logging_in(leg, then) if leg.trunk else then
        return key

    def send_only(self, leg: Leg, request: Request) -> None:
        """Send a request on a leg that is over; what comes back changes nothing."""
        self._address(leg, request)
        key = self.tx.request(request, self.now())
        if leg.trunk:
            self.out_of_dialog[key] = lambda q, r: self._say_again(leg, q, r)

    def acknowledge(self, leg: Leg, cseq: int) -> None:
        """Send the ACK for a 2xx to our INVITE with that CSeq number."""
        assert leg.dialog is not None
        ack = leg.dialog.ack(cseq)
        self._address(leg, ack)
        self.tx.send(ack)

    def out_of_dialog_request(self, request: Request, then: Continuation) -> str:
        """Send a request that belongs to no leg; `then` gets its final response."""
        key = self.tx.request(request, self.now())
        self.out_of_dialog[key] = then
        return key

    def _address(self, leg: Leg, request: Request) -> None:
        """A party that has no connection of its own is reached by its trunk's slot at the edge."""
        if leg.trunk and leg.flow is None:
            self.trunks.address(leg.trunk, request)

    def login(self, leg: Leg, request: Request, response: Response) -> Request | None:
        """The same request with our login, after a carrier asked for it; None where that says no more."""
        line = self.trunks.line(leg.trunk)
        if line is None or response.status not in {401, 407}:
            return None
        header = login.credentials(
            request, response, line.username, self.rights.trunk_password(line.id) or ""
        )
        if header is None:
            return None
        again = Request(request.method, request.uri, request.headers.copy(), request.body)
        again.headers.remove("Via")
        again.headers.set(*header)
        number = request.cseq.number + 1
        if leg.dialog is not None:
            number = leg.dialog.local_cseq = leg.dialog.local_cseq + 1
        again.headers.set("CSeq", f"{number} {request.method}")
        return again

    def _logging_in(self, leg: Leg, then: Continuation) -> Continuation:
        def answered(request: Request, response: Response) -> None:
            again = self.login(leg, request, response)
            if again is None:
                then(request, response)
            else:
                key = self.request(leg, again, then)
                if leg.key and request.method == "INVITE" and request.to.tag is None:
                    leg.key = key  # so that it can be cancelled

        return answered

    def _say_again(self, leg: Leg, request: Request, response: Response) -> None:
        again = self.login(leg, request, response)
        if again is not None:
            self.out_of_dialog_request(again, lambda _request, _response: None)

    async def request_and_wait(self, leg: Leg, request: Request) -> Response:
        """Send a request on a leg and wait for its final answer. Raises LegGone when the leg ends first."""
        future: asyncio.Future[Response] = self._loop.create_future()

        def answered(_request: Request, response: Response) -> None:
            if response.status >= 200 and not future.done():
                future.set_result(response)

        leg.awaiting.add(future)
        self.request(leg, request, answered)
        self.flush()
        try:
            return await future
        finally:
            leg.awaiting.discard(future)

    def respond(self, key: str, response: Response) -> None:
        """Answer a request."""
        self.tx.respond(key, response, self.now())

    def answer(self, leg: Leg, key: str, response: Response) -> bool:
        """Answer one of the `pending_requests`; False if that was done already, because the leg is over."""
        if leg.pending_requests.pop(key, None) is None:
            return False
        self.respond(key, response)
        return True

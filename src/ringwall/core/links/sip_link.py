"""The SIP link: one TLS connection to Kamailio behind the edge's inner listener.

Bytes only. Kamailio serves the connection that has said hello last, and forgets it 15 s after that; so
hello is said every second, and a link on which it is not answered is dialled anew. Whoever parses what comes
in sees the answers too and reports them with `hello_answered`: no byte is parsed twice.

Rules that this module keeps:
- Both sides prove that they have the link's token, for this connection and this hello, and neither shows it
  (`infra.link_proof`). The first answer names the connection; the link is up when a hello with that name was
  answered.
- Each answer says which connection had what is for the core until this hello. If it was another one, it is on
  record, and the link is dialled anew.
"""

import asyncio
import logging
import math
import secrets
from collections.abc import Callable
from typing import cast

from ringwall.core.errors import EdgeUnavailable
from ringwall.core.links.tls import Backoff, Complaints, Dialler, tls_of
from ringwall.infra.link_proof import NONE, UNNAMED, LinkProof, LinkProofError

log = logging.getLogger(__name__)

ALPN = "ringwall-sip"
LINK_HEADER = "P-Ringwall-Link"

_WRITE_LIMIT = 8 * 1024 * 1024
_PATIENCE_SECONDS = 12.0
_FEWEST_UNANSWERED = 3
_OK = 200


class SipLink(asyncio.Protocol):
    """Keeps the link up; ``run`` does the work until it is cancelled.

    ``on_data(bytes)`` gets what the edge sends; ``on_up()`` is called when a connection was found to be
    the one that is served, ``on_down()`` when a link that was up is lost, ``on_taken(name)`` when another
    connection, of that name, had what is for the core. None of them may block.
    """

    def __init__(
        self,
        dialler: Dialler,
        token: str,
        on_data: Callable[[bytes], None],
        on_up: Callable[[], None],
        on_down: Callable[[], None],
        on_taken: Callable[[str], None],
        *,
        host: str = "core1.ringwall.internal",
        hello_seconds: float = 1.0,
        retry_seconds: float = 0.5,
    ) -> None:
        self._dialler = dialler
        self._proof = LinkProof(token)
        self.data_received = on_data  # type: ignore[assignment, method-assign]  # one call less a read
        self._on_up = on_up
        self._on_down = on_down
        self._on_taken = on_taken
        self._host = host
        self._hello_seconds = hello_seconds
        self._backoff = Backoff(retry_seconds)
        self._complaints = Complaints("SIP")
        self._transport: asyncio.Transport | None = None
        self._closed: asyncio.Event = asyncio.Event()
        self._hello: asyncio.TimerHandle | None = None
        self._patience = max(_FEWEST_UNANSWERED, math.ceil(_PATIENCE_SECONDS / hello_seconds))
        self._unanswered: dict[str, str] = {}  # the connection's name in each hello, by nonce
        self._name = UNNAMED
        self._sequence = 0
        self._why = ""
        self.up = False
        self.dropped = 0
        """Writes that were thrown away because the link was down."""
        self.edge_run = ""
        """The name of the run of Kamailio that this connection leads to; each start has another one."""
        self.hello_call_id = ""
        """The Call-ID of this connection's hellos; an answer with it is for the link."""

    @property
    def tls(self) -> dict[str, str] | None:
        """Protocol and cipher of the connection."""
        return tls_of(self._transport)

    async def run(self) -> None:
        """Dial, keep, dial again, until cancelled."""
        try:
            while True:
                self._closed.clear()
                try:
                    await self._dialler.dial(lambda: self, ALPN)
                    await self._closed.wait()
                    self._complaints.down(self._why)
                except EdgeUnavailable as error:
                    self._complaints.down(str(error))
                await asyncio.sleep(self._backoff.take())
        finally:
            self.drop("the core stops")

    def write(self, data: bytes) -> None:
        """Send ``data``; when the link is down it is dropped and counted. Never blocks."""
        transport = self._transport
        if transport is None or not self.up:
            self.dropped += 1
            return
        transport.write(data)
        if transport.get_write_buffer_size() > _WRITE_LIMIT:
            self.drop("the edge does not read")

    def hello_answered(self, status: int, said: str | None) -> None:
        """Take the answer to a hello: the link is up, or, with another status than 200, was refused.

        `said` is the answer's `LINK_HEADER`.
        """
        if self._transport is None:
            return
        if status != _OK:
            self.drop(f"the edge refused the hello with {status}: its link token is another one")
            return
        try:
            answer = self._proof.answer(said)
        except LinkProofError as error:
            self.drop(str(error))
            return
        named = self._unanswered.get(answer.nonce)
        if named is None:
            self.drop("the edge answered a hello that was not said, or twice")
            return
        while next(iter(self._unanswered)) != answer.nonce:  # answers come in order: no other one to these
            del self._unanswered[next(iter(self._unanswered))]
        del self._unanswered[answer.nonce]
        if answer.link != self._name != UNNAMED:
            self.drop("the edge answers over another connection than it was asked on")
        elif named == UNNAMED:
            self._name, self.edge_run = answer.link, answer.run
            self._say_hello()
        elif self.up and answer.before not in {named, NONE}:
            self._on_taken(answer.before)
            self.drop("another connection had what is for the core")
        else:
            self._is_up()

    def _is_up(self) -> None:
        if not self.up:
            self.up = True
            self._backoff.reset()
            self._complaints.up()
            self._on_up()

    def drop(self, why: str) -> None:
        """Give this connection up; a new one is dialled."""
        self._why = why
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say the first hello."""
        self._transport = cast("asyncio.Transport", transport)
        self._unanswered.clear()
        self._name = UNNAMED
        self._why = "the edge closed it"
        self.hello_call_id = f"hello-{secrets.token_hex(8)}"
        self._say_hello()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever used the link."""
        self._transport = None
        if self._hello is not None:
            self._hello.cancel()
            self._hello = None
        if exc is not None:
            self._why = f"{type(exc).__name__}: {exc}"
        self._closed.set()
        if self.up:
            self.up = False
            self._on_down()

    def _say_hello(self) -> None:
        transport = self._transport
        if transport is None:
            return
        if len(self._unanswered) >= self._patience:
            self.drop("the edge does not answer")
            return
        self._sequence += 1
        said, nonce = self._proof.hello(self._name)
        self._unanswered[nonce] = self._name
        transport.write(hello(self._host, self.hello_call_id, self._sequence, said))
        if self._hello is not None:
            self._hello.cancel()
        self._hello = asyncio.get_running_loop().call_later(self._hello_seconds, self._say_hello)


def hello(host: str, call_id: str, sequence: int, said: str) -> bytes:
    """Return the OPTIONS by which the core attaches itself to Kamailio; `said` is of `LinkProof.hello`."""
    return (
        "OPTIONS sip:hello@ringwall.internal SIP/2.0\r\n"
        f"Via: SIP/2.0/TLS {host};branch=z9hG4bK{call_id}-{sequence}\r\n"
        "Max-Forwards: 70\r\n"
        f"From: <sip:core@ringwall.internal>;tag={sequence}\r\n"
        "To: <sip:hello@ringwall.internal>\r\n"
        f"Call-ID: {call_id}\r\n"
        f"CSeq: {sequence} OPTIONS\r\n"
        f"{LINK_HEADER}: {said}\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode()

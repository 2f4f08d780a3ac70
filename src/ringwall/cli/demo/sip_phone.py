"""A SIP phone of which every message can be made by hand: for the demonstration and the tests.

It stands on the SIP package: its parser, transactions, dialogs and digest. Where the point of a test is what
goes over the wire, whatever that package makes of it, there is one in bytes: tests/support/byte_phone.py.

`UserAgent` has no wire: who has one hands in what comes and sends what it is given. `TlsPhone` is a device on
a connection over verified TLS; what comes in is sorted by method and waits until somebody takes it.
"""

import asyncio
import secrets
import ssl
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, Self

from ringwall.cli.demo.phones import Credentials, PhoneError
from ringwall.sip.dialog import Dialog
from ringwall.sip.digest import Challenge, ha1
from ringwall.sip.message import Headers, Request, Response
from ringwall.sip.parser import StreamParser
from ringwall.sip.transaction import (
    AckReceived,
    Cancelled,
    Event,
    RequestReceived,
    ResponseReceived,
    TimedOut,
    TransactionFailed,
    Transactions,
)

SECONDS: Final = 8.0
"""How long an answer, or whatever else is waited for, may take. It only ends a wait that is in vain."""
SDP: Final = "application/sdp"
ALLOW: Final = "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO"


class CallRefusedError(PhoneError):
    """A call was refused; `response` says how."""

    code = "call-refused"

    def __init__(self, response: Response) -> None:
        super().__init__(f"{response.status} {response.reason}: {response.headers.get('warning')}")
        self.response = response


class Handle(Protocol):
    """A timer that can be stopped."""

    def cancel(self) -> None:
        """Stop it."""


class Clock(Protocol):
    """What an event loop, a real or a virtual one, knows of time."""

    def time(self) -> float:
        """Return the time in seconds since whenever."""

    def call_at(self, when: float, callback: Callable[[], None], /) -> Handle:
        """Call back at a time."""


class UserAgent:
    """One end of a SIP connection: transactions and their timers.

    A subclass says what `write` does with bytes and what `event` does with what happened.
    """

    def __init__(self, local: str, clock: Clock) -> None:
        """`local` is what its Via fields name: host and port of its end of the wire."""
        self.local = local
        self.clock = clock
        self.tx = Transactions(local)
        self._timer: Handle | None = None

    def write(self, data: bytes) -> None:
        """Send bytes to the other side."""
        raise NotImplementedError

    def event(self, event: Event) -> None:
        """Do what is to be done when something happened."""
        raise NotImplementedError

    def now(self) -> float:
        """Return the time of the clock."""
        return self.clock.time()

    def receive(self, message: Request | Response) -> None:
        """Take a message that came; `flush` is to follow."""
        for event in self.tx.receive(message, self.now()):
            self.event(event)

    def flush(self) -> None:
        """Send what is to be sent and set the timer for what is to be repeated."""
        data = self.tx.take_output()
        if data:
            self.write(data)
        self.stop_timer()
        deadline = self.tx.deadline()
        if deadline is not None:
            self._timer = self.clock.call_at(deadline, self._tick)

    def stop_timer(self) -> None:
        """Repeat nothing any more, until the next `flush`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        for event in self.tx.expire(self.now()):
            self.event(event)
        self.flush()

    def send(self, request: Request) -> str:
        """Send a request; return the key of its transaction."""
        key = self.tx.request(request, self.now())
        self.flush()
        return key

    def respond(self, key: str, response: Response) -> None:
        """Answer the request of a transaction."""
        self.tx.respond(key, response, self.now())
        self.flush()

    def cancel_request(self, key: str) -> None:
        """Send a CANCEL for the INVITE of a transaction."""
        self.tx.cancel(key, self.now())
        self.flush()


@dataclass
class Asked:
    """A request that was sent, and its answers as they come."""

    key: str
    request: Request
    answers: "asyncio.Queue[Response]" = field(default_factory=asyncio.Queue)

    async def next(self, seconds: float = SECONDS) -> Response:
        """Wait for the next answer."""
        async with asyncio.timeout(seconds):
            return await self.answers.get()

    async def status(self, status: int, seconds: float = SECONDS) -> Response:
        """Wait for the answer with this status; raise CallRefusedError for any other final one."""
        while (answer := await self.next(seconds)).status != status:
            if answer.status >= 200:
                raise CallRefusedError(answer)
        return answer

    async def final(self, seconds: float = SECONDS) -> Response:
        """Wait for the final answer: 408 where none came, 503 where the connection was lost."""
        while (answer := await self.next(seconds)).status < 200:
            pass
        return answer


class TlsPhone(UserAgent):
    """One TLS connection of a device. Made by `dial`.

    A BYE, an UPDATE without a body and an OPTIONS within a dialog are answered with 200 at once.
    """

    def __init__(
        self, account: Credentials, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        host, port = writer.get_extra_info("sockname")[:2]
        super().__init__(f"{host}:{port}", asyncio.get_running_loop())
        self.account = account
        self.contact = f"<sip:{account.extension}@{self.local};transport=tls>"
        self.cseq = 0
        self.reader = reader
        self.writer = writer
        self.closed = asyncio.Event()
        self.call_id = secrets.token_hex(8)
        self._boxes: dict[str, asyncio.Queue[tuple[str, Request]]] = defaultdict(asyncio.Queue)
        self._asked: dict[str, Asked] = {}
        self._counts: dict[str, int] = defaultdict(int)
        self._task = asyncio.get_running_loop().create_task(self._read())

    @classmethod
    async def dial(cls, account: Credentials, ca_file: Path, *, source: str | None = None) -> Self:
        """Connect; it has not signed in yet. `source` is a local address to come from."""
        trust = ssl.create_default_context(cafile=str(ca_file))
        reader, writer = await asyncio.open_connection(
            account.server,
            account.port,
            ssl=trust,
            server_hostname=account.domain,
            local_addr=(source, 0) if source else None,
        )
        return cls(account, reader, writer)

    # The wire

    def write(self, data: bytes) -> None:
        """Send bytes to the server, while there is a connection."""
        if not self.closed.is_set():
            self.writer.write(data)

    async def _read(self) -> None:
        parser = StreamParser()
        try:
            while data := await self.reader.read(65536):
                for message in parser.feed(data):
                    if isinstance(message, Request | Response):
                        self.receive(message)
                self.flush()
        except (OSError, ssl.SSLError):
            pass
        finally:
            for event in self.tx.fail_all(self.now()):
                self.event(event)
            self.closed.set()

    def event(self, event: Event) -> None:
        """Give answers to who asked, and put requests where they wait to be taken."""
        if isinstance(event, ResponseReceived | TimedOut | TransactionFailed):
            asked = self._asked.get(event.key)
            if asked is None:
                return
            if isinstance(event, ResponseReceived):
                asked.answers.put_nowait(event.response)
            elif isinstance(event, TimedOut):
                asked.answers.put_nowait(event.request.response(408, "here"))
            else:
                asked.answers.put_nowait(event.request.response(503, "connection lost"))
        elif isinstance(event, RequestReceived):
            self._came(event.key, event.request)
        elif isinstance(event, Cancelled):
            self.respond(event.key, event.request.response(487, to_tag="cancelled"))
            self._boxes["CANCEL"].put_nowait((event.key, event.request))
        elif isinstance(event, AckReceived):
            self._boxes["ACK"].put_nowait((event.key, event.request))

    def _came(self, key: str, request: Request) -> None:
        if request.method in {"BYE", "OPTIONS"} or (request.method == "UPDATE" and not request.body):
            headers = [("Contact", self.contact)] if request.method == "UPDATE" else []
            self.respond(key, request.response(200, headers=headers))
        name = "re-INVITE" if request.method == "INVITE" and request.to.tag else request.method
        self._boxes[name].put_nowait((key, request))

    async def came(self, method: str, seconds: float = SECONDS) -> tuple[str, Request]:
        """Wait for the next request of a method, with its transaction; a re-INVITE is called so."""
        async with asyncio.timeout(seconds):
            return await self._boxes[method].get()

    def came_already(self, method: str) -> bool:
        """Whether a request of a method waits to be taken."""
        return not self._boxes[method].empty()

    def ask(self, request: Request) -> Asked:
        """Send a request; what is returned gets its answers."""
        asked = Asked(self.tx.request(request, self.now()), request)
        self._asked[asked.key] = asked
        self.flush()
        return asked

    @property
    def peer_certificate(self) -> bytes:
        """The server's certificate, DER."""
        found: bytes = self.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return found

    async def close(self) -> None:
        """Drop the connection."""
        self._task.cancel()
        self.stop_timer()
        self.writer.close()
        with suppress(OSError, ssl.SSLError, asyncio.CancelledError, TimeoutError):
            await asyncio.wait_for(self.writer.wait_closed(), 2)
        self.closed.set()

    # Requests outside of a dialog

    def request(
        self,
        method: str,
        *,
        uri: str = "",
        to: str = "",
        from_: str = "",
        call_id: str = "",
        headers: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
    ) -> Request:
        """Return a request as a good phone makes it, but for what is given."""
        account = self.account
        own = f"sip:{account.extension}@{account.domain}"
        self.cseq += 1
        fields = Headers([("Max-Forwards", "70"), ("From", f"<{from_ or own}>;tag={secrets.token_hex(4)}")])
        fields.add("To", f"<{to or uri or own}>")
        fields.add("Call-ID", call_id or secrets.token_hex(8))
        fields.add("CSeq", f"{self.cseq} {method}")
        fields.add("Contact", self.contact)
        fields.add("Supported", "path, outbound, timer")
        fields.add("Allow", ALLOW)
        for name, value in headers:
            fields.set(name, value)
        if body:
            fields.set("Content-Type", SDP)
        return Request(method, uri or f"sip:{account.domain}", fields, body)

    def copy(self, request: Request) -> Request:
        """Return the same request as a new transaction."""
        fields = request.headers.copy()
        fields.remove("via")
        self.cseq += 1
        fields.set("CSeq", f"{self.cseq} {request.method}")
        return Request(request.method, request.uri, fields, request.body)

    def authorize(self, request: Request, answer: Response, **other: Any) -> Request:
        """Return the request once more, with credentials for the challenge of an answer.

        `other` takes the place of what is right: username, password, count.
        """
        account = self.account
        challenge = Challenge.parse(answer.headers.all("www-authenticate")[0])
        name = other.get("username", account.username)
        secret = ha1(challenge.algorithm, name, challenge.realm, other.get("password", account.password))
        self._counts[challenge.nonce] += 1
        count = other.get("count", self._counts[challenge.nonce])
        credentials = challenge.answer(name, secret, request.method, request.uri, count, secrets.token_hex(4))
        again = self.copy(request)
        again.headers.set("Authorization", str(credentials))
        return again

    # What a phone does

    async def register(self, expires: int = 600, **other: Any) -> Response:
        """Sign in: ask, and answer the challenge; return the last answer."""
        request = self.request("REGISTER", call_id=self.call_id, headers=(("Expires", str(expires)),))
        answer = await self.ask(request).final()
        if answer.status != 401:
            return answer
        return await self.ask(self.authorize(request, answer, **other)).final()

    def invite(self, extension: str, body: bytes, **how: Any) -> Asked:
        """Call an extension; the answers are still to come."""
        return self.ask(
            self.request("INVITE", uri=f"sip:{extension}@{self.account.domain}", body=body, **how)
        )

    def cancel(self, asked: Asked) -> None:
        """Give up a call that was not answered yet."""
        self.cancel_request(asked.key)

    def confirm(self, asked: Asked, answer: Response) -> "Call":
        """Acknowledge a 200 to an INVITE; the call is up."""
        call = Call(self, Dialog.from_invite_sent(asked.request, answer), answer.body)
        call.acknowledge(asked)
        return call

    async def call(self, extension: str, body: bytes) -> "Call":
        """Call an extension and wait until it answers; raise CallRefusedError otherwise."""
        asked = self.invite(extension, body)
        return self.confirm(asked, await asked.status(200))

    async def ringing(self, seconds: float = SECONDS) -> "Incoming":
        """Wait for the next call that comes in; it rings when this returns."""
        key, request = await self.came("INVITE", seconds)
        incoming = Incoming(self, key, request, secrets.token_hex(4))
        self.respond(key, request.response(180, to_tag=incoming.tag, headers=[("Contact", self.contact)]))
        return incoming


@dataclass
class Incoming:
    """A call that rings at a phone."""

    phone: TlsPhone
    key: str
    request: Request
    tag: str

    def refuse(self, status: int) -> None:
        """Refuse it."""
        self.phone.respond(self.key, self.request.response(status, to_tag=self.tag))

    async def answer(self, body: bytes) -> "Call":
        """Take the call and wait for the ACK."""
        call = self.answer_at_once(body)
        await self.phone.came("ACK")
        return call

    def answer_at_once(self, body: bytes) -> "Call":
        """Take the call; its ACK is still to come."""
        headers = [("Contact", self.phone.contact), ("Allow", "INVITE, ACK, BYE, CANCEL, UPDATE, INFO")]
        answer = self.request.response(200, to_tag=self.tag, headers=headers, body=body, content_type=SDP)
        self.phone.respond(self.key, answer)
        dialog = Dialog.from_invite_received(self.request, self.tag)
        dialog.confirm()
        return Call(self.phone, dialog, self.request.body)


class Media(Protocol):
    """A phone's port for media."""

    async def talk(self, remote: bytes, hertz: float, /) -> None:
        """Play a tone to where the other side's description says, and hear from there."""


@dataclass
class Call:
    """A call that is up. `remote` is what the other side described last."""

    phone: TlsPhone
    dialog: Dialog
    remote: bytes

    def ask(self, method: str, body: bytes = b"", content_type: str = SDP, **headers: str) -> Asked:
        """Send a request within the call. `headers` have `_` for `-`."""
        fields = [(name.replace("_", "-"), value) for name, value in headers.items()]
        contact = self.phone.contact if method in {"INVITE", "UPDATE"} else None
        made = self.dialog.request(method, contact, fields, body, content_type if body else None)
        return self.phone.ask(made)

    async def reinvite(self, body: bytes) -> Response:
        """Ask for another session; a 200 is acknowledged."""
        asked = self.ask("INVITE", body)
        answer = await asked.final()
        if answer.status == 200:
            self.acknowledge(asked)
            self.remote = answer.body
        return answer

    def acknowledge(self, asked: Asked) -> None:
        """Send the ACK for the 200 to an INVITE."""
        self.phone.tx.send(self.dialog.ack(asked.request.cseq.number))
        self.phone.flush()

    async def changed(self, body: Callable[[bytes], bytes]) -> Request:
        """Take the next re-INVITE with the description that `body` makes of its; return it."""
        key, request = await self.phone.came("re-INVITE")
        self.dialog.receive(request)
        self.remote = request.body
        headers = [("Contact", self.phone.contact)]
        answer = request.response(200, headers=headers, body=body(request.body), content_type=SDP)
        self.phone.respond(key, answer)
        await self.phone.came("ACK")
        return request

    async def follow(self, body: Callable[[bytes], bytes], media: Media, hertz: float) -> None:
        """Play, and take every change that the other side asks for, until cancelled."""
        await media.talk(self.remote, hertz)
        while True:
            with suppress(TimeoutError):
                await self.changed(body)
                await media.talk(self.remote, hertz)

    async def hang_up(self) -> Response:
        """End the call."""
        return await self.ask("BYE").final()

    async def ended(self, seconds: float = SECONDS) -> Request:
        """Wait until the other side has hung up; return its BYE."""
        _, request = await self.phone.came("BYE", seconds)
        return request


async def joined(
    here: TlsPhone, there: TlsPhone, offer: bytes, answer: Callable[[bytes], bytes]
) -> tuple[Call, Call]:
    """Let one phone call the other, which answers its offer so; return both ends of the call."""
    asked = here.invite(there.account.extension, offer)
    ringing = await there.ringing()
    called, response = await asyncio.gather(ringing.answer(answer(ringing.request.body)), asked.status(200))
    call = here.confirm(asked, response)
    # Its answer says that the ACK, which went before it, has arrived.
    if (await call.ask("OPTIONS").final()).status != 200:
        raise PhoneError("the call that was just answered is not there")
    return call, called

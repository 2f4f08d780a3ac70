"""A phone that does what no good phone does: SIP over verified TLS, where each message can be made by the test.

It stands on the SIP package's parser, transactions, dialogs and digest. What comes in is sorted by method and waits
until the test takes it; a BYE, an UPDATE without a body and an OPTIONS within a dialog are answered with 200 at once.
"""

import asyncio
import secrets
import ssl
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

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
from system.running import Account, System
from system.srtp import MediaPort

SECONDS = 8.0
SDP = "application/sdp"


class RefusedError(Exception):
    """A call was refused; `response` says how."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"{response.status} {response.reason}: {response.headers.get('warning')}")
        self.response = response


@dataclass
class Asked:
    """A request that was sent, and its answers as they come."""

    key: str
    request: Request
    answers: "asyncio.Queue[Response]" = field(default_factory=asyncio.Queue)

    async def next(self, seconds: float = SECONDS) -> Response:
        async with asyncio.timeout(seconds):
            return await self.answers.get()

    async def status(self, status: int, seconds: float = SECONDS) -> Response:
        """The answer with this status; any other final one is an error."""
        while (answer := await self.next(seconds)).status != status:
            if answer.status >= 200:
                raise RefusedError(answer)
        return answer

    async def final(self, seconds: float = SECONDS) -> Response:
        while (answer := await self.next(seconds)).status < 200:
            pass
        return answer


class RawPhone:
    """One TLS connection of a device. Made by `connect`."""

    def __init__(self, account: Account, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.account = account
        self.reader = reader
        self.writer = writer
        host, port = writer.get_extra_info("sockname")[:2]
        self.local = f"{host}:{port}"
        self.contact = f"<sip:{account.extension}@{self.local};transport=tls>"
        self.tx = Transactions(self.local)
        self.closed = asyncio.Event()
        self.cseq = 0
        self.call_id = secrets.token_hex(8)
        self._boxes: dict[str, asyncio.Queue[tuple[str, Request]]] = defaultdict(asyncio.Queue)
        self._asked: dict[str, Asked] = {}
        self._counts: dict[str, int] = defaultdict(int)
        self._timer: asyncio.TimerHandle | None = None
        self._task = asyncio.create_task(self._read())

    @classmethod
    async def connect(
        cls, system: System, account: Account, *, source: str | None = None, registered: bool = True
    ) -> "RawPhone":
        """Connect and, unless told otherwise, sign in. `source` is a local address to come from."""
        context = ssl.create_default_context(cafile=str(system.layout.ca_certificate))
        reader, writer = await asyncio.open_connection(
            account.server,
            account.port,
            ssl=context,
            server_hostname=account.domain,
            local_addr=(source, 0) if source else None,
        )
        phone = cls(account, reader, writer)
        if registered:
            answer = await phone.register()
            assert answer.status == 200, f"{answer.status} {answer.reason}"
        return phone

    @property
    def peer_certificate(self) -> bytes:
        """The server's certificate, DER."""
        found: bytes = self.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return found

    # The wire

    async def _read(self) -> None:
        parser, loop = StreamParser(), asyncio.get_running_loop()
        try:
            while data := await self.reader.read(65536):
                for message in parser.feed(data):
                    if isinstance(message, Request | Response):
                        for event in self.tx.receive(message, loop.time()):
                            self._event(event)
                self.flush()
        except (OSError, ssl.SSLError):
            pass
        finally:
            for event in self.tx.fail_all(loop.time()):
                self._event(event)
            self.closed.set()

    def flush(self) -> None:
        data = self.tx.take_output()
        if data and not self.closed.is_set():
            self.writer.write(data)
        deadline = self.tx.deadline()
        if self._timer is not None:
            self._timer.cancel()
        if deadline is not None:
            self._timer = asyncio.get_running_loop().call_at(deadline, self._tick)

    def _tick(self) -> None:
        for event in self.tx.expire(asyncio.get_running_loop().time()):
            self._event(event)
        self.flush()

    def _event(self, event: Event) -> None:
        if isinstance(event, ResponseReceived | TimedOut | TransactionFailed):
            asked = self._asked.get(event.key)
            if asked is not None:
                if isinstance(event, ResponseReceived):
                    asked.answers.put_nowait(event.response)
                else:
                    made = {TimedOut: (408, "here"), TransactionFailed: (503, "connection lost")}
                    asked.answers.put_nowait(event.request.response(*made[type(event)]))
        elif isinstance(event, RequestReceived):
            request = event.request
            quiet = request.method in {"BYE", "OPTIONS"} or (request.method == "UPDATE" and not request.body)
            if quiet:
                headers = [("Contact", self.contact)] if request.method == "UPDATE" else []
                self.respond(event.key, request.response(200, headers=headers))
            name = "re-INVITE" if request.method == "INVITE" and request.to.tag else request.method
            self._boxes[name].put_nowait((event.key, request))
        elif isinstance(event, Cancelled):
            self.respond(event.key, event.request.response(487, to_tag="cancelled"))
            self._boxes["CANCEL"].put_nowait((event.key, event.request))
        elif isinstance(event, AckReceived):
            self._boxes["ACK"].put_nowait((event.key, event.request))

    async def came(self, method: str, seconds: float = SECONDS) -> tuple[str, Request]:
        """The next request of a method that came in, with its transaction; a re-INVITE is called so."""
        async with asyncio.timeout(seconds):
            return await self._boxes[method].get()

    def came_already(self, method: str) -> bool:
        """Whether a request of a method waits to be taken."""
        return not self._boxes[method].empty()

    def respond(self, key: str, response: Response) -> None:
        self.tx.respond(key, response, asyncio.get_running_loop().time())
        self.flush()

    def ask(self, request: Request) -> Asked:
        asked = Asked(self.tx.request(request, asyncio.get_running_loop().time()), request)
        self._asked[asked.key] = asked
        self.flush()
        return asked

    async def close(self) -> None:
        """Drop the connection."""
        self._task.cancel()
        if self._timer is not None:
            self._timer.cancel()
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
        """A request as a good phone makes it, but for what the test says."""
        account = self.account
        own = f"sip:{account.extension}@{account.domain}"
        self.cseq += 1
        fields = Headers([("Max-Forwards", "70"), ("From", f"<{from_ or own}>;tag={secrets.token_hex(4)}")])
        fields.add("To", f"<{to or uri or own}>")
        fields.add("Call-ID", call_id or secrets.token_hex(8))
        fields.add("CSeq", f"{self.cseq} {method}")
        fields.add("Contact", self.contact)
        fields.add("Supported", "path, outbound, timer")
        fields.add("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO")
        for name, value in headers:
            fields.set(name, value)
        if body:
            fields.set("Content-Type", SDP)
        return Request(method, uri or f"sip:{account.domain}", fields, body)

    def authorize(self, request: Request, answer: Response, **other: Any) -> Request:
        """The request once more, with credentials for the challenge. `other`: username, password, nonce, count."""
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

    def copy(self, request: Request) -> Request:
        """The same request as a new transaction."""
        fields = request.headers.copy()
        fields.remove("via")
        self.cseq += 1
        fields.set("CSeq", f"{self.cseq} {request.method}")
        return Request(request.method, request.uri, fields, request.body)

    async def register(self, expires: int = 600, **other: Any) -> Response:
        """Sign in: ask, and answer the challenge."""
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
        self.tx.cancel(asked.key, asyncio.get_running_loop().time())
        self.flush()

    def confirm(self, asked: Asked, answer: Response) -> "RawCall":
        """Acknowledge a 200 to an INVITE; the call is up."""
        call = RawCall(self, Dialog.from_invite_sent(asked.request, answer), answer.body)
        self.tx.send(call.dialog.ack(asked.request.cseq.number))
        self.flush()
        return call

    async def call(self, extension: str, body: bytes) -> "RawCall":
        """Call an extension and wait until it answers; RefusedError otherwise."""
        asked = self.invite(extension, body)
        return self.confirm(asked, await asked.status(200))

    async def ringing(self, seconds: float = SECONDS) -> "Incoming":
        """The next call that comes in; it rings when this returns."""
        key, request = await self.came("INVITE", seconds)
        incoming = Incoming(self, key, request, secrets.token_hex(4))
        self.respond(key, request.response(180, to_tag=incoming.tag, headers=[("Contact", self.contact)]))
        return incoming


@dataclass
class Incoming:
    """A call that rings at a phone."""

    phone: RawPhone
    key: str
    request: Request
    tag: str

    def refuse(self, status: int) -> None:
        self.phone.respond(self.key, self.request.response(status, to_tag=self.tag))

    async def answer(self, body: bytes) -> "RawCall":
        """Take the call and wait for the ACK."""
        call = self.answer_at_once(body)
        await self.phone.came("ACK")
        return call

    def answer_at_once(self, body: bytes) -> "RawCall":
        headers = [("Contact", self.phone.contact), ("Allow", "INVITE, ACK, BYE, CANCEL, UPDATE, INFO")]
        answer = self.request.response(200, to_tag=self.tag, headers=headers, body=body, content_type=SDP)
        self.phone.respond(self.key, answer)
        dialog = Dialog.from_invite_received(self.request, self.tag)
        dialog.confirm()
        return RawCall(self.phone, dialog, self.request.body)


@dataclass
class RawCall:
    """A call that is up. `remote` is what the other side described last."""

    phone: RawPhone
    dialog: Dialog
    remote: bytes

    def ask(self, method: str, body: bytes = b"", content_type: str = SDP, **headers: str) -> Asked:
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
        self.phone.tx.send(self.dialog.ack(asked.request.cseq.number))
        self.phone.flush()

    async def changed(self, body: Callable[[bytes], bytes]) -> Request:
        """Take the next re-INVITE with the description that `body` makes of its; returns it."""
        key, request = await self.phone.came("re-INVITE")
        self.dialog.receive(request)
        self.remote = request.body
        headers = [("Contact", self.phone.contact)]
        answer = request.response(200, headers=headers, body=body(request.body), content_type=SDP)
        self.phone.respond(key, answer)
        await self.phone.came("ACK")
        return request

    async def follow(self, body: Callable[[bytes], bytes], media: MediaPort, hertz: float) -> None:
        """Play, and take every change that the other side asks for, until cancelled."""
        await media.talk(self.remote, hertz)
        while True:
            with suppress(TimeoutError):
                await self.changed(body)
                await media.talk(self.remote, hertz)

    async def hang_up(self) -> Response:
        return await self.ask("BYE").final()

    async def ended(self, seconds: float = SECONDS) -> Request:
        """Wait until the other side has hung up; returns its BYE."""
        _, request = await self.phone.came("BYE", seconds)
        return request


async def joined(
    here: RawPhone, there: RawPhone, offer: bytes, answer: Callable[[bytes], bytes]
) -> tuple[RawCall, RawCall]:
    """Let one phone call the other, which answers its offer so; both ends of the call."""
    asked = here.invite(there.account.extension, offer)
    ringing = await there.ringing()
    called, response = await asyncio.gather(ringing.answer(answer(ringing.request.body)), asked.status(200))
    call = here.confirm(asked, response)
    # Its answer says that the ACK, which went before it, has arrived.
    assert (await call.ask("OPTIONS").final()).status == 200
    return call, called

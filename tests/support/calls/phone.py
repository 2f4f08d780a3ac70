"""A phone: signs in, calls, answers, holds, misbehaves on demand."""

import itertools

from ringwall.cli.demo.sip_phone import UserAgent
from ringwall.sip.dialog import Dialog, OutOfOrder
from ringwall.sip.digest import Challenge, ha1
from ringwall.sip.message import Headers, Request, Response
from ringwall.sip.reliable import ReliableReceiver, ReliableSender, requires_reliable
from ringwall.sip.transaction import (
    AckMissing,
    AckReceived,
    Cancelled,
    RequestReceived,
    ResponseReceived,
    TimedOut,
)
from support.calls.media import BOTH, answer_to, describe

_numbers = itertools.count(1)


class PhoneCall:
    """One call as one phone sees it."""

    def __init__(self, phone: "Phone", *, outgoing: bool) -> None:
        self.phone = phone
        self.outgoing = outgoing
        self.state = "new"
        self.dialog: Dialog | None = None
        self.key = ""
        self.invite: Request | None = None
        self.statuses: list[int] = []  # of the first INVITE
        self.responses: list[Response] = []  # all, of every request within the call
        self.requests: list[Request] = []  # that came in within the call
        self.local_sdp = b""
        self.remote_sdp = b""
        self.tag = f"t{next(_numbers)}"
        self.version = 1
        self.direction = "sendrecv"  # what it said last of its own accord: on hold or not
        self.pracks = ReliableReceiver()
        self.reliable: ReliableSender | None = None
        self.acks: list[Request] = []
        self.reason = ""  # of the BYE or CANCEL that came in
        self.ack_body: bytes | None = None  # what the ACK for a 2xx with an offer carries
        phone.calls.append(self)

    def status(self, method: str) -> list[int]:
        return [r.status for r in self.responses if r.cseq.method == method and r.status >= 200]

    # As the called side

    def ring(self, status: int = 180, body: bytes = b"", *, reliable: bool = False) -> None:
        response = self._response(status, body)
        if reliable:
            self.reliable = self.reliable or ReliableSender(self.invite.cseq.number, 700)
            response = self.reliable.send(response, self.phone.now())
        self.phone.respond(self.key, response)

    def early(self, *, reliable: bool = False) -> None:
        if not self.local_sdp and self.offered_nothing_common():
            self.refuse(488)
            return
        self.local_sdp = self.local_sdp or self._answer_body()
        self.ring(183, self.local_sdp, reliable=reliable)

    def answer(self, body: bytes | None = None, headers=()) -> None:
        if body is None and not self.local_sdp and self.offered_nothing_common():
            self.refuse(488)
            return
        self.local_sdp = body if body is not None else (self.local_sdp or self._answer_body())
        if self.reliable is not None:
            self.reliable.stop()
        self.state = "talking"
        self.dialog.confirm()
        self.phone.respond(self.key, self._response(200, self.local_sdp, headers))

    def refuse(self, status: int) -> None:
        self.state = "ended"
        self.phone.respond(self.key, self._response(status))

    def offered_nothing_common(self) -> bool:
        return answer_to(self.remote_sdp, self.phone.suites, dtls=self.phone.dtls) is None

    def _answer_body(self) -> bytes:
        body = answer_to(self.remote_sdp, self.phone.suites, dtls=self.phone.dtls)
        assert body is not None, "the phone has no suite in common with the offer"
        return body

    def _response(self, status: int, body: bytes = b"", headers=()) -> Response:
        return self.invite.response(
            status, to_tag=self.tag, headers=[("Contact", self.phone.contact), ("Allow", self.phone.allow), *headers],
            body=body, content_type="application/sdp" if body else None,
        )  # fmt: skip

    # In the call

    def request(self, method: str, body: bytes = b"", headers=(), content_type=None) -> Request:
        contact = self.phone.contact if method in ("INVITE", "UPDATE") else None
        extra = [("Allow", self.phone.allow), *headers] if method in ("INVITE", "UPDATE") else headers
        request = self.dialog.request(method, contact, extra, body, content_type)
        key = self.phone.ask_within(request, self)
        if method == "INVITE":
            self.reinvite_key = key
        return request

    def change(self, direction: str = "sendrecv", method: str = "INVITE", suites=None, headers=()) -> bytes:
        self.version += 1
        self.direction = direction
        body = describe(
            suites or self.phone.suites, version=self.version, direction=direction, dtls=self.phone.dtls
        )
        self.request(method, body, headers)
        return body

    def bye(self) -> None:
        self.state = "ended"
        self.request("BYE")

    def cancel(self) -> None:
        self.phone.cancel_request(self.key)


class Phone(UserAgent):
    def __init__(
        self, world, extension: str, username: str, password: str, *, suites=BOTH, dtls: bool = False
    ) -> None:
        super().__init__(f"{username}.invalid:5061", world.loop)
        self.world, self.extension, self.username, self.password = world, extension, username, password
        self.suites, self.dtls = suites, dtls
        self.calls: list[PhoneCall] = []
        self.by_call_id: dict[str, PhoneCall] = {}
        self.connection = None
        self.log: list[Request | Response] = []
        self.events: list = []
        self.allow = "INVITE, ACK, BYE, CANCEL, UPDATE, INFO, PRACK"
        self.on_invite = "answer"  # answer, ring, early, silence, or a status
        self.on_change = "accept"  # accept, silence, or a status
        self.on_message = 200
        self.texts: list[str] = []
        self.on_notify = 200
        self.notified: list[Request] = []  # outside of calls
        self.supports = "timer"
        self.auto_ack = True
        self.auto_prack = True
        self.challenge: Challenge | None = None
        self.nc = 0
        self.cseq = itertools.count(1)
        self.register_call_id = f"reg-{username}"
        self.pending: dict[str, PhoneCall] = {}

    @property
    def contact(self) -> str:
        return f"<sip:{self.username}@{self.connection.peer};transport=tls>"

    @property
    def aor(self) -> str:
        return f"sip:{self.extension}@{self.world.domain}"

    @property
    def last(self) -> PhoneCall:
        return self.calls[-1]

    # The wire

    def connect(self, source: str = "198.51.100.9") -> None:
        port = 40000 + next(self.world.edge.numbers) % 20000
        self.connection = self.world.edge.connect(self, f"{source}:{port}", "wss" if self.dtls else "tls")

    def write(self, data: bytes) -> None:
        self.world.from_phone(self, data)
        self.connection.write(data)

    def ask_within(self, request: Request, call: PhoneCall) -> str:
        """Send a request of a call, which gets the answers."""
        key = self.tx.request(request, self.now())
        self.pending[key] = call  # before anything can come back
        self.flush()
        return key

    def heard(self, connection, message: Request | Response) -> None:
        # As if it had come over the wire: nobody shares objects with anybody.
        [message] = type(connection.parser)().feed(message.to_bytes())
        self.log.append(message)
        self.world.to_phone(self, message)
        self.receive(message)
        self.flush()

    # What the user does

    def base(
        self, method: str, target: str, cseq: int, call_id: str, headers=(), body: bytes = b"", to=None
    ) -> Request:
        fields = [
            ("Max-Forwards", "70"), ("From", f'"{self.extension} at home" <{self.aor}>;tag=f{next(_numbers)}'),
            ("To", f"<{to or target}>"), ("Call-ID", call_id), ("CSeq", f"{cseq} {method}"),
            ("Contact", self.contact), *headers,
        ]  # fmt: skip
        if body:
            fields.append(("Content-Type", "application/sdp"))
        return Request(method, target, Headers(fields), body)

    def register(
        self, expires: int | None = 600, *, headers=(), contact: str | None = None, answer=True
    ) -> Response:
        """Sign in and return the last answer."""
        if self.connection is None or not self.connection.open:
            self.connect()
        request = self.base(
            "REGISTER", f"sip:{self.world.domain}", next(self.cseq), self.register_call_id, to=self.aor
        )
        if contact is not None:
            request.headers.set("Contact", contact)
        if expires is not None:
            request.headers.add("Expires", str(expires))
        for name, value in headers:
            request.headers.add(name, value)
        response = self.ask(request)
        if response.status == 401 and answer:
            again = Request("REGISTER", request.uri, request.headers.copy())
            again.headers.remove("Via")
            again.headers.set("CSeq", f"{next(self.cseq)} REGISTER")
            self.authorize(again, response)
            response = self.ask(again)
        return response

    def authorize(self, request: Request, response: Response, algorithm: str = "SHA-256", **changes) -> None:
        values = [Challenge.parse(v) for v in response.headers.all("WWW-Authenticate")]
        self.challenge = next(c for c in values if c.algorithm == algorithm)
        self.nc = 0
        self.authorize_again(request, **changes)

    def authorize_again(self, request: Request, **changes) -> None:
        self.nc += 1
        username = changes.get("username", self.username)
        secret = ha1(
            self.challenge.algorithm, username, self.world.domain, changes.get("password", self.password)
        )
        credentials = self.challenge.answer(
            username, secret, request.method, request.uri, self.nc, "0a4f113b"
        )
        request.headers.set("Authorization", str(credentials))

    def ask(self, request: Request) -> Response:
        """Send a request outside any call and wait for its final answer."""
        key = self.send(request)
        for _ in range(400):
            self.world.loop.pass_time(0.1)
            for event in self.events:
                if isinstance(event, ResponseReceived) and event.key == key and event.response.status >= 200:
                    return event.response
                if isinstance(event, TimedOut) and event.key == key:
                    raise AssertionError(f"no answer to {request.method}")
        raise AssertionError(f"no answer to {request.method}")

    def call(
        self, extension: str, body: bytes | None = None, headers=(), *, supports: str | None = None
    ) -> PhoneCall:
        call = PhoneCall(self, outgoing=True)
        call.local_sdp = describe(self.suites, dtls=self.dtls) if body is None else body
        call_id = f"call-{next(_numbers)}"
        headers = [("Supported", supports or self.supports), ("Allow", self.allow), *headers]
        target = f"sip:{extension}@{self.world.domain}"
        call.invite = self.base("INVITE", target, 1, call_id, headers, call.local_sdp)
        call.state = "calling"
        self.by_call_id[call_id] = call
        call.key = self.ask_within(call.invite, call)
        return call

    # What happens to it

    def event(self, event) -> None:
        self.events.append(event)
        if isinstance(event, RequestReceived):
            self._request(event.key, event.request)
        elif isinstance(event, ResponseReceived):
            call = self.pending.get(event.key)
            if call is not None:
                call.responses.append(event.response)
                self._response(call, event.key, event.request, event.response)
        elif isinstance(event, AckReceived):
            call = self.by_call_id[event.request.call_id]
            call.acks.append(event.request)
        elif isinstance(event, Cancelled):
            call = self.by_call_id[event.request.call_id]
            if call.state not in ("talking", "ended"):
                call.state = "cancelled"
                self.tx.respond(event.key, event.request.response(487, to_tag=call.tag), self.now())
        elif isinstance(event, AckMissing):
            self.world.missing_acks.append(self.username)

    def _request(self, key: str, request: Request) -> None:
        call = self.by_call_id.get(request.call_id)
        if request.method == "NOTIFY" and call is None:
            self.notified.append(request)
            self.tx.respond(key, request.response(self.on_notify, to_tag="lamp"), self.now())
            return
        if request.method == "MESSAGE":
            self.texts.append(request.body.decode())
            self.tx.respond(key, request.response(self.on_message, to_tag="text"), self.now())
            return
        if request.method == "NOTIFY" and request.to.tag is None:
            self.tx.respond(key, request.response(200, to_tag="notified"), self.now())
            return
        if request.to.tag is None:
            assert request.method == "INVITE", request.method
            self._called(key, request)
            return
        if call is None or call.dialog is None:
            self.tx.respond(key, request.response(481), self.now())
            return
        call.requests.append(request)
        try:
            call.dialog.receive(request)
        except OutOfOrder:
            self.tx.respond(key, request.response(500), self.now())
            self.world.out_of_order.append((self.username, request.method))
            return
        if request.method == "BYE":
            call.state = "ended"
            call.reason = request.headers.get("Reason") or ""
            self.tx.respond(key, request.response(200), self.now())
        elif request.method in ("INVITE", "UPDATE"):
            self._changed(call, key, request)
        elif request.method == "PRACK":
            status, following = call.reliable.receive_prack(request, self.now())
            self.tx.respond(key, request.response(status), self.now())
            if following is not None:
                self.tx.respond(call.key, following, self.now())
        else:
            self.tx.respond(key, request.response(200), self.now())

    def _called(self, key: str, request: Request) -> None:
        call = PhoneCall(self, outgoing=False)
        call.invite, call.key, call.remote_sdp, call.state = request, key, request.body, "ringing"
        call.dialog = Dialog.from_invite_received(request, call.tag)
        self.by_call_id[request.call_id] = call
        if self.on_invite == "answer":
            call.ring()
            call.answer()
        elif self.on_invite == "ring":
            call.ring()
        elif self.on_invite == "early":
            call.early()
        elif isinstance(self.on_invite, int):
            call.refuse(self.on_invite)

    def _changed(self, call: PhoneCall, key: str, request: Request) -> None:
        if self.on_change == "silence":
            return
        if isinstance(self.on_change, int):
            self.tx.respond(key, request.response(self.on_change), self.now())
            return
        body = b""
        if request.body:
            if request.body == call.remote_sdp:
                body = call.local_sdp
            else:
                call.version += 1
                body = self._new_answer(call, request)
                if body is None:
                    self.tx.respond(key, request.response(488), self.now())
                    return
                call.remote_sdp, call.local_sdp = request.body, body
        elif request.method == "INVITE":
            body = call.local_sdp
        headers = [("Contact", self.contact), ("Allow", self.allow)]
        response = request.response(
            200, headers=headers, body=body, content_type="application/sdp" if body else None
        )
        self.tx.respond(key, response, self.now())

    def _new_answer(self, call: PhoneCall, request: Request) -> bytes:
        turned = {b"a=sendonly": "recvonly", b"a=inactive": "inactive", b"a=recvonly": "sendonly"}
        # A phone that has put the call on hold stays there, whatever it is offered.
        direction = next((d for line, d in turned.items() if line in request.body), call.direction)
        return answer_to(request.body, self.suites, version=call.version, direction=direction, dtls=self.dtls)

    def _response(self, call: PhoneCall, key: str, request: Request, response: Response) -> None:
        status = response.status
        first = request.to.tag is None and request.method == "INVITE"
        if first and status > 100:
            call.statuses.append(status)
        if request.method == "UPDATE" and status == 200 and response.body:
            call.remote_sdp = response.body
        if request.method != "INVITE" or status == 100:
            return
        if first and status < 300 and call.dialog is None and response.to.tag:
            call.dialog = Dialog.from_invite_sent(request, response)
        if status < 200:
            if response.body:
                call.remote_sdp = response.body
            if requires_reliable(response) and self.auto_prack:
                rack = call.pracks.receive(response)
                if rack is not None:
                    call.request("PRACK", headers=[("RAck", str(rack))])
            return
        if status >= 300:
            if first:
                call.state = "ended"
            return
        call.dialog.confirm(response)
        call.dialog.refresh_target(response)
        if call.state == "calling":
            call.state = "talking"
        if response.body:
            call.remote_sdp = response.body
        if self.auto_ack:
            body = call.ack_body or b""
            self.tx.send(call.dialog.ack(request.cseq.number, body))
            if first and call.state == "cancelled":
                call.bye()

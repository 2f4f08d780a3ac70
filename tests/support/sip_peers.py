"""Two user agents joined back to back: what one writes, the other parses and receives."""

import itertools

from ringwall.sip.dialog import Dialog
from ringwall.sip.message import Headers, Request, Response
from ringwall.sip.parser import StreamParser
from ringwall.sip.transaction import ResponseReceived, Transactions


def counting_ids(prefix: str):
    numbers = itertools.count(1)
    return lambda: f"{prefix}{next(numbers)}"


def request(
    method="INVITE",
    *,
    call_id="call-1",
    cseq=1,
    from_tag="alice",
    to_tag=None,
    via=None,
    branch=None,
    headers=(),
    body=b"",
) -> Request:
    """A request as a phone would write it; with a Via only where `branch` or `via` is given."""
    fields = Headers()
    if via is None and branch is not None:
        via = f"SIP/2.0/TLS phone.invalid:5061;branch={branch}"
    if via is not None:
        fields.add("Via", via)
    fields.add("Max-Forwards", "70")
    fields.add("From", f'"Alice" <sip:alice@ringwall.invalid>;tag={from_tag}')
    fields.add("To", "<sip:bob@ringwall.invalid>" + (f";tag={to_tag}" if to_tag else ""))
    fields.add("Call-ID", call_id)
    fields.add("CSeq", f"{cseq} {method}")
    if method in ("INVITE", "UPDATE"):
        fields.add("Contact", "<sip:alice@192.0.2.1:5061;transport=tls>")
    for name, value in headers:
        fields.add(name, value)
    if body:
        fields.add("Content-Type", "application/sdp")
    return Request(method, "sip:bob@ringwall.invalid", fields, body)


class Peer:
    """One side: its transactions, what they told it, and every message that reached it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ids = counting_ids(name)
        self.transactions = Transactions(f"{name}.invalid:5061", ids=self.ids)
        self.parser = StreamParser()
        self.events: list = []
        self.heard: list[Request | Response] = []

    def told(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    def statuses(self) -> list[int]:
        return [event.response.status for event in self.told(ResponseReceived)]


class Wire:
    """The two sides and the time between them. `lose` names start lines that never arrive."""

    def __init__(self) -> None:
        self.alice = Peer("alice")
        self.bob = Peer("bob")
        self.now = 1000.0
        self.lose: tuple[str, ...] = ()
        self.trace: list[str] = []

    def carry(self) -> None:
        """Deliver until both sides are silent."""
        moved = True
        while moved:
            moved = False
            for sender, receiver in ((self.alice, self.bob), (self.bob, self.alice)):
                data = sender.transactions.take_output()
                for message in receiver.parser.feed(data):
                    moved = True
                    assert isinstance(message, Request | Response), message
                    line = f"{sender.name}: {start_line(message)}"
                    self.trace.append(line)
                    if line.startswith(self.lose or ("\0",)):
                        continue
                    receiver.heard.append(message)
                    receiver.events += receiver.transactions.receive(message, self.now)

    def wait(self, seconds: float) -> None:
        """Let time pass, timer by timer."""
        end = self.now + seconds
        while True:
            deadlines = [
                at for peer in (self.alice, self.bob) if (at := peer.transactions.deadline()) is not None
            ]
            if not deadlines or min(deadlines) > end:
                break
            self.now = max(self.now, min(deadlines))
            for peer in (self.alice, self.bob):
                peer.events += peer.transactions.expire(self.now)
            self.carry()
        self.now = end

    def empty(self) -> bool:
        return len(self.alice.transactions) == len(self.bob.transactions) == 0

    def call(self, *, to_tag="bob") -> tuple[Dialog, Dialog]:
        """A call that is answered and acknowledged; the dialog of each side."""
        key = self.alice.transactions.request(request(), self.now)
        self.carry()
        invite = self.bob.events[-1]
        callee = Dialog.from_invite_received(invite.request, to_tag)
        answer(self.bob, invite, 200, to_tag, self.now)
        callee.confirm()
        self.carry()
        accepted = self.alice.events[-1]
        assert accepted.key == key
        caller = Dialog.from_invite_sent(accepted.request, accepted.response)
        self.alice.transactions.send(caller.ack(1))
        self.carry()
        return caller, callee


def answer(peer: Peer, event, status: int, to_tag: str | None, now: float, *, headers=()) -> None:
    response = event.request.response(
        status, to_tag=to_tag, headers=[("Contact", f"<sip:{peer.name}@192.0.2.2:5061>"), *headers]
    )
    peer.transactions.respond(event.key, response, now)


def start_line(message: Request | Response) -> str:
    if isinstance(message, Request):
        return message.method
    return f"{message.status} {message.cseq.method}"

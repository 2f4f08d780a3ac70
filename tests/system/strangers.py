"""Many connections that send spoilt messages to a whole system, and witnesses who must get none of them.

Each connection bears a mark that stands in all that it sends. Whoever receives the mark of another was reached by
what was not for them; and while all this goes on, two phones call one another over the same edge.
"""

import asyncio
import base64
import secrets
import ssl
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Final

from ringwall.sip.message import Request
from system.descriptions import answer_to, good
from system.mutations import BODY, STATUSES, Place, mark_of, marks_in, mutated, original
from system.raw_phone import RawPhone, joined
from system.running import Account, System

SIDE_BY_SIDE: Final = 24
SIGNED_IN_SECONDS: Final = 600
PATIENCE: Final = 0.05
"""Seconds in which an answer is waited for, before the next message goes out. It decides nothing."""


class Wire:
    """A connection over TLS or, as a browser has it, WebSocket; what comes in is kept."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, socket: bool) -> None:
        self.writer = writer
        self.socket = socket
        self.came = bytearray()
        self.closed = asyncio.Event()
        self._news = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._read(reader))

    @classmethod
    async def open(cls, system: System, trust: ssl.SSLContext, source: str, *, socket: bool) -> "Wire":
        address, ports = str(system.settings.address), system.settings.ports
        reader, writer = await asyncio.open_connection(
            address,
            ports.https if socket else ports.sips,
            ssl=trust,
            server_hostname=address,
            local_addr=(source, 0),
        )
        if socket:
            key = base64.b64encode(secrets.token_bytes(16)).decode()
            writer.write(
                f"GET /ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n"
                f"Origin: https://{address}\r\n\r\n".encode()
            )
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 101"), answer
        return cls(reader, writer, socket=socket)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError, ssl.SSLError):
            while data := await reader.read(65536):
                self.came += data
                self._news.set()
        self.closed.set()
        self._news.set()

    async def send(self, data: bytes) -> None:
        """Send a message and wait a little for what is said to it."""
        if self.socket:  # masked with zeros: what is sent can be read (RFC 6455, 5.2)
            size = len(data)
            length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
            data = b"\x82" + length + bytes(4) + data
        self._news.clear()
        with suppress(OSError, ssl.SSLError):
            self.writer.write(data)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), PATIENCE)

    async def close(self) -> None:
        self._task.cancel()
        self.writer.transport.abort()
        with suppress(OSError, ssl.SSLError, asyncio.CancelledError):
            await self._task


@dataclass
class Findings:
    """What was sent, and what must not have happened."""

    sent: Counter[str] = field(default_factory=Counter)
    """Messages by the way that they took."""
    connections: int = 0
    closed: int = 0
    """Connections that the edge closed."""
    answers: Counter[str] = field(default_factory=Counter)
    """First words of what came back."""
    astray: list[str] = field(default_factory=list)
    """What reached somebody whom it was not for."""
    calls: int = 0
    """Calls of the witnesses; each was answered."""


class Strangers:
    """Sends so many messages. What a connection sends follows from the seed and its number."""

    def __init__(
        self,
        system: System,
        witnesses: tuple[RawPhone, RawPhone],
        caller: RawPhone,
        guests: list[Account],
        *,
        seed: int,
        messages: int,
    ) -> None:
        """`guests` are `SIDE_BY_SIDE` accounts; `caller` calls them."""
        self.system = system
        self.anna, self.ben = anna, ben = witnesses
        self.caller = caller
        self.guests = guests
        self.seed = seed
        self.messages = messages
        self.found = Findings()
        self._trust = ssl.create_default_context(cafile=str(system.layout.ca_certificate))
        self._number = 0
        people = (anna.account.extension, ben.account.extension)
        self._place = Place(anna.account.domain, people, (anna.local, ben.local))

    async def run(self) -> Findings:
        """Send all of it; witnesses call all the while."""
        calling = asyncio.create_task(self._call())
        try:
            async with asyncio.TaskGroup() as group:
                for worker in range(SIDE_BY_SIDE):
                    group.create_task(self._work(worker))
        finally:
            calling.cancel()
            with suppress(asyncio.CancelledError):
                await calling
        for name, phone in (("Anna", self.anna), ("Ben", self.ben)):
            self.found.astray += [f"{name} got {strange!r}" for strange in strange_requests(phone)]
        return self.found

    async def _call(self) -> None:
        signed_in = time.monotonic()
        while True:
            if time.monotonic() - signed_in > SIGNED_IN_SECONDS / 2:
                signed_in = time.monotonic()
                for phone in (self.anna, self.ben, self.caller):
                    assert (await phone.register(SIGNED_IN_SECONDS)).status == 200
            here, there = await joined(self.anna, self.ben, good(), answer_to)
            assert (await here.hang_up()).status == 200
            await there.ended()
            self.found.calls += 1
            await asyncio.sleep(0.2)

    async def _work(self, worker: int) -> None:
        while self.found.sent.total() < self.messages:
            self._number += 1
            number = self._number
            random = Random(f"{self.seed} {number}")
            source = f"127.{1 + worker}.{number // 250 % 250}.{1 + number % 250}"
            how = random.random()
            if how < 0.05:
                await self._as_callee(random, self.guests[worker], source)
            elif how < 0.15:
                await self._as_guest(random, number, self.guests[worker], source)
            else:
                await self._as_stranger(random, number, source, socket=random.random() < 0.4)

    async def _as_stranger(self, random: Random, number: int, source: str, *, socket: bool) -> None:
        wire = await Wire.open(self.system, self._trust, source, socket=socket)
        mark, way = mark_of(number), "WSS" if socket else "TLS"
        self.found.connections += 1
        try:
            for _ in range(random.randrange(1, 8)):
                await wire.send(mutated(random, original(random, mark, self._place, way)))
                self.found.sent[way] += 1
                if wire.closed.is_set():
                    self.found.closed += 1
                    break
        finally:
            await wire.close()
        self._look(bytes(wire.came), number, way)

    async def _as_callee(self, random: Random, account: Account, source: str) -> None:
        """A phone that has signed in, is called, and answers what the edge has asked it with spoilt responses."""
        phone = await RawPhone.connect(self.system, account, source=source)
        asked = self.caller.invite(account.extension, good())
        try:
            self.found.connections += 1
            with suppress(TimeoutError):
                _, request = await phone.came("INVITE", 3)
                await self._answer_badly(random, phone, request)
        finally:
            await phone.close()
            with suppress(TimeoutError):
                answer = await asked.final()
                self.found.answers[f"called: {answer.status}"] += 1

    async def _answer_badly(self, random: Random, phone: RawPhone, request: Request) -> None:
        for _ in range(random.randrange(1, 5)):
            status = random.choice(STATUSES)
            answer = request.response(
                status, to_tag=f"t{random.randrange(3)}", headers=[("Contact", phone.contact)], body=BODY
            )
            phone.write(mutated(random, answer.to_bytes()))
            self.found.sent["TLS, called"] += 1
            await asyncio.sleep(PATIENCE)
            if phone.closed.is_set():
                self.found.closed += 1
                break

    async def _as_guest(self, random: Random, number: int, account: Account, source: str) -> None:
        """The same from a phone that has signed in. It asks for nobody who would have to be reached."""
        phone = await RawPhone.dial(account, self.system.layout.ca_certificate, source=source)
        came = bytearray()
        receive, mark = phone.receive, mark_of(number)
        phone.receive = lambda message: (came.extend(message.to_bytes()), receive(message))[1]  # type: ignore[method-assign]
        try:
            assert (await phone.register()).status == 200
            place = Place(account.domain, (account.extension,), self._place.flows)
            self.found.connections += 1
            for _ in range(random.randrange(1, 8)):
                phone.write(mutated(random, original(random, mark, place, "TLS")))
                self.found.sent["TLS, signed in"] += 1
                await asyncio.sleep(PATIENCE / 4)
                if phone.closed.is_set():
                    self.found.closed += 1
                    break
        finally:
            await phone.close()
        self._look(bytes(came), number, "TLS, signed in")

    def _look(self, came: bytes, number: int, way: str) -> None:
        self.found.answers.update(
            line[:11].decode() for line in came.splitlines() if line.startswith(b"SIP/2.0 ")
        )
        others = marks_in(came) - {number}
        if others:
            self.found.astray.append(f"{number} over {way} got what {sorted(others)} sent: {came[:2000]!r}")


def strange_requests(phone: RawPhone) -> list[bytes]:
    """Return what reached a phone and bears a mark."""
    waiting = [box.get_nowait()[1].to_bytes() for box in phone._boxes.values() for _ in range(box.qsize())]
    return [message for message in waiting if marks_in(message)]

"""What calls to the outside need: rights and trunks in a running system, and carriers that do what a test says."""

import asyncio
import json
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from ringwall.cli.demo import carrier as carriers
from ringwall.cli.demo.carrier import Papers
from ringwall.sip.message import Request
from ringwall.sip.transaction import Event, RequestReceived
from system.descriptions import answer_to
from system.raw_phone import Incoming, RawCall, RawPhone
from system.running import REPOSITORY, Account, System, until

SITE = "zurich"
NOWHERE = ["192.0.2.250"]  # of a trunk whose calls come in over its own connection alone
SCOPES = ("internal", "local", "national", "national mobile", "international", "all")


class Line(RawPhone):
    """The carrier's end of a trunk: what comes in is dealt with as its exchange says."""

    exchange: "Exchange"

    def event(self, event: Event) -> None:
        if isinstance(event, RequestReceived) and event.request.method == "NOTIFY":
            self.respond(event.key, event.request.response(200))
        elif (
            isinstance(event, RequestReceived)
            and event.request.method == "INVITE"
            and not event.request.to.tag
        ):
            self.exchange.invited(self, event.key, event.request)
        else:
            if isinstance(event, RequestReceived) and event.request.method == "OPTIONS":
                self.exchange.asked = True
            super().event(event)


class Exchange:
    """A carrier that takes every call, refuses all with a status, or (with None) lets them ring.

    `invites` are all that came, `talks` those that were answered, `rings` those that wait for the test.
    """

    def __init__(self, host: str, domain: str) -> None:
        self._host = host
        self._account = Account(
            server=host, port=0, domain=domain, extension="carrier", username="", password=""
        )
        self.answers: int | None = 200
        self.describe: Callable[[bytes], bytes] = answer_to
        self.invites: list[Request] = []
        self.talks: asyncio.Queue[RawCall] = asyncio.Queue()
        self.rings: asyncio.Queue[Incoming] = asyncio.Queue()
        self.lines: list[Line] = []
        self.asked = False
        self.port = 0

    async def listen(self, certificate: Path | None) -> None:
        """Take connections, over TLS if there is a certificate."""
        context = None
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
        self._server = await asyncio.start_server(self._connected, self._host, 0, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(self._account, reader, writer)
        line.exchange = self
        self.lines.append(line)

    async def close(self) -> None:
        """Go away."""
        self._server.close()
        for line in self.lines:
            await line.close()

    @property
    def line(self) -> Line:
        """The connection that is up."""
        return next(line for line in reversed(self.lines) if not line.closed.is_set())

    def invited(self, line: Line, key: str, request: Request) -> None:
        self.invites.append(request)
        call = Incoming(line, key, request, f"exchange{len(self.invites)}")
        if self.answers == 200:
            self.talks.put_nowait(call.answer_at_once(self.describe(request.body)))
        elif self.answers is not None:
            call.refuse(self.answers)
        else:
            line.respond(key, request.response(180, to_tag=call.tag, headers=[("Contact", line.contact)]))
            self.rings.put_nowait(call)

    async def talk(self) -> RawCall:
        """The next call that was answered."""
        async with asyncio.timeout(8):
            return await self.talks.get()


class House:
    """A system with a site in Zurich and a group for every rung of the ladder. Made by `house_in`."""

    def __init__(self, system: System, stack: ExitStack) -> None:
        self.system = system
        self._stack = stack
        self.papers: Papers = stack.enter_context(carriers.papers())

    def add(self, kind: str, key: str, **settings: Any) -> str:
        """Make a thing that is removed at the end."""
        argument = "cos" if kind.startswith("cos.") else kind.replace("-", "_")
        self.system.ask(f"{kind}.add", **{argument: key}, **settings)
        self._stack.callback(self.system.ask, f"{kind}.remove", **{argument: key})
        return key

    def employ(self, account: Account, group: str, **settings: Any) -> Account:
        """Put a user in a group, at the site in Zurich unless told otherwise."""
        given = {"site": SITE, **settings}
        self.system.ask("user.set", extension=account.extension, group=group, **given)
        return account

    def state(self, trunk: str) -> dict[str, Any]:
        """What `status` says of a trunk."""
        return next(one for one in self.system.ask("status")["trunks"] if one["trunk"] == trunk)

    @asynccontextmanager
    async def trunk(
        self,
        trunk: str,
        group: str,
        *,
        certificate: Path | None = None,
        encrypted: bool = True,
        up: bool = True,
        **settings: Any,
    ) -> AsyncIterator[Exchange]:
        """A trunk to an exchange of its own, waited for unless it is not to come up."""
        settled = self.system.settings
        exchange = Exchange(settled.address, settled.organisation.domain)
        await exchange.listen((certificate or self.papers.file) if encrypted else None)
        told: dict[str, Any] = {
            "name": f"Carrier {trunk}",
            "host": settled.address,
            "port": exchange.port,
            "sources": NOWHERE,
            "options_seconds": 10,
        }
        if encrypted:
            told |= {"certificate_name": carriers.NAME, "authority": self.papers.authority}
        self.system.ask("trunk.add", trunk=trunk, trunk_group=group, **(told | settings))
        try:
            if up:
                await until(lambda: self.state(trunk)["up"] and exchange.asked, f"{trunk} is up", 30)
            yield exchange
        finally:
            self.system.ask("trunk.remove", trunk=trunk)
            await exchange.close()


@contextmanager
def house_in(system: System) -> Iterator[House]:
    """Give a system a site and groups; afterwards it is as before."""
    with ExitStack() as stack:
        house = House(system, stack)
        settings: dict[str, Any] = {"country": "CH", "area_codes": ["44"], "access_code": "0"}
        house.add("site", SITE, name="Zurich", location="Bahnhofstrasse 1, 3rd floor", **settings)
        ordinary = system.ask("trunk-group.show", trunk_group=_group(house, "pstn"))["services"]
        dear = ["premium", "carrier select", "operator", "vertical service codes"]
        system.ask("trunk-group.set", trunk_group="pstn", services=[*ordinary, *dear])
        # Short numbers leave from their own site or its proxy: somebody in the United States may call theirs.
        system.ask("site.set", site="main", proxy=SITE)
        stack.callback(system.ask, "site.set", site="main", proxy=None)
        staff = house.add("cos.telephony", "Staff", max_calls=8)
        for scope in SCOPES:
            opened = ["premium", "satellite", "fraud test"] if scope == "all" else []
            house.add("cos.call", scope, scope=scope, opened=opened)
            name = scope.replace(" ", "-")
            house.add("group", name, name=scope, call=scope, telephony=staff, trunk_groups=["pstn"])
        yield house


def _group(house: House, name: str) -> str:
    return house.add("trunk-group", name, name=name.upper(), site=SITE)


Employee = Callable[..., Awaitable[RawPhone]]


class Peer:
    """A carrier that is baresip in a process of its own: see `peer_process`. Each `do` waits for its answer."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.port = port  # of its TLS listener

    @classmethod
    async def start(cls, system: System, papers: Papers) -> Self:
        address = system.settings.address
        port = carriers.free_port(address)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "system.peer_process",
            *(address, str(port), str(papers.file), str(system.layout.ca_certificate)),
            cwd="/",
            env={"PYTHONPATH": f"{REPOSITORY / 'src'}:{REPOSITORY / 'tests'}", "PATH": "/usr/bin:/bin"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        peer = cls(process, port + 1)
        assert (await peer._read())["ready"]
        return peer

    async def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        async with asyncio.timeout(30):
            while line := await self._process.stdout.readline():
                if line.startswith(b"{"):
                    found: dict[str, Any] = json.loads(line)
                    return found
        raise EOFError("the carrier's process has ended")

    async def do(self, word: str, **more: Any) -> dict[str, Any]:
        """Let it do something; returns how it is afterwards."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": word, **more}).encode() + b"\n")
        told = await self._read()
        assert "error" not in told, f"{word}: {told['error']}"
        return told

    async def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), 10)
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

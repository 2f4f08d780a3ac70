"""What leaves the house says how it travels and nothing of what is inside, to phones, browsers and carriers."""

import re
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from system.carrier import Authority, Desk, carrier
from system.edge_browser import Browser
from system.edge_rig import ADDRESS, Core, Message, Phone, Rig, edge, request

pytestmark = [pytest.mark.timeout(90), pytest.mark.req("T1", "W2")]

CORE = {"host": "core1.ringwall.internal"}
TRUNKS = {"carrier": 1, "clear": 2}
OVER = {"phone": "TLS", "browser": "WSS", "carrier": "TLS", "clear": "TCP"}


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("A carrier's own authority")


@pytest.fixture(scope="module")
def rig(authority: Authority) -> Iterator[Rig]:
    with edge(authorities=authority.pem) as running:
        yield running


class Party:
    """Somebody outside, and what the core writes so that it gets there."""

    def __init__(self, end: Phone | Browser, way: str, over: str, port: int) -> None:
        self.end, self.way, self.over, self.port = end, way, over, port
        self.seen: list[Message] = []

    async def send(self, data: bytes) -> None:
        if isinstance(self.end, Browser):
            await self.end.send(data)
        else:
            self.end.send(data)

    async def next(self, method: str) -> Message:
        message = await self.end.next()
        assert message.method == method, message.head
        self.seen.append(message)
        return message

    def check(self) -> None:
        """Nothing that came tells anything but this connection."""
        for message in self.seen:
            (via,) = message.all("Via")
            assert re.match(rf"SIP/2\.0/{self.over} {re.escape(ADDRESS)}:{self.port};", via), via
            assert len(re.findall("branch=", via)) == 1
            head = message.head.lower()
            assert "internal" not in head, message.head
            assert not re.search(r"core\d", head), message.head
            for route in message.all("Record-Route"):
                uri = {"TLS": "transport=tls", "WSS": "transport=ws", "TCP": "transport=tcp"}[self.over]
                assert re.search(rf"@?{re.escape(ADDRESS)}:{self.port};{uri};", route), route
                assert route.count("transport=") == 1


@pytest.fixture(params=sorted(OVER))
async def party(
    rig: Rig, core: Core, authority: Authority, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Party]:
    kind = str(request.param)
    ports = rig.settings.ports
    if kind in TRUNKS:
        desk = await Desk.attach(rig)
        async with carrier(None if kind == "clear" else authority.leaf(tmp_path)) as peer:
            await desk.up(peer.slot(TRUNKS[kind]))
            way = f"P-Ringwall-Trunk: {TRUNKS[kind]}\r\n"
            yield Party(await peer.connection(), way, OVER[kind], ports.sips)
            await desk.set()
        await desk.stop()
        return
    end = await (Browser if kind == "browser" else Phone).connect(rig)
    path = (await end.register(core)).get("Path")
    port = ports.https if kind == "browser" else ports.sips
    yield Party(end, f"Route: {path}\r\n", OVER[kind], port)
    await end.close()


@pytest.fixture
async def core(rig: Rig) -> AsyncIterator[Core]:
    attached = await Core.attach(rig)
    yield attached
    await attached.stop()


def of_core(method: str, party: Party, **other: object) -> bytes:
    extra = party.way + str(other.pop("extra", ""))
    return request(method, "sip:100@192.0.2.99", extra=extra, **CORE | other)  # type: ignore[arg-type]


async def test_every_request_that_leaves_says_how_it_travels_and_nothing_of_the_inside(core, party) -> None:
    for method in ("OPTIONS", "MESSAGE", "NOTIFY", "SUBSCRIBE", "REFER"):
        core.send(of_core(method, party))
        await party.send((await party.next(method)).reply(200, "OK", tag="outside"))
        assert (await core.next("SIP/2.0")).status == 200

    # A call that is answered, with everything within its dialog.
    core.send(of_core("INVITE", party))
    invite = await party.next("INVITE")
    await party.send(invite.reply(200, "OK", "Contact: <sip:100@192.0.2.99>\r\n", tag="outside"))
    answer = await core.next("SIP/2.0")
    routes = [each.strip() for line in answer.all("Record-Route") for each in line.split(",")]
    way = party.way if "Trunk" in party.way else ""
    way += "".join(f"Route: {route}\r\n" for route in reversed(routes))
    dialog = {"call_id": answer.get("Call-ID"), "to_tag": "outside", "extra": way}
    for cseq, method in enumerate(("ACK", "INFO", "UPDATE", "PRACK", "INVITE", "BYE"), 1):
        core.send(request(method, "sip:100@192.0.2.99", cseq=cseq, **CORE | dialog))
        message = await party.next(method)
        if method != "ACK":
            await party.send(message.reply(200, "OK", tag="outside"))
            assert (await core.next("SIP/2.0")).status == 200
    party.check()


async def test_what_the_edge_itself_makes_says_it_too(core, party) -> None:
    """CANCEL, the ACK to a refusal, and a CANCEL that crosses the 200."""
    same = {"call_id": secrets.token_hex(8), "branch": f"z9hG4bK{secrets.token_hex(8)}"}
    core.send(of_core("INVITE", party, **same))
    invite = await party.next("INVITE")
    await party.send(invite.reply(180, "Ringing", tag="outside"))
    while (await core.next("SIP/2.0")).status != 180:
        pass
    core.send(of_core("CANCEL", party, **same))
    cancel = await party.next("CANCEL")
    await party.send(cancel.reply(200, "OK", tag="outside"))
    await party.send(invite.reply(487, "Request Terminated", tag="outside"))
    await party.next("ACK")
    answers = [await core.next("SIP/2.0"), await core.next("SIP/2.0")]
    assert {answer.status for answer in answers} == {200, 487}
    party.check()


async def test_a_phone_is_not_told_the_path_that_the_edge_has_written(rig, core) -> None:
    phone = await Phone.connect(rig)
    phone.send(request("REGISTER", "sip:example.test", extra="Supported: path\r\n"))
    seen = await core.next("REGISTER")
    core.send(seen.reply(200, "OK", f"Path: {seen.get('Path')}\r\n"))
    assert not (await phone.final()).all("Path")
    await phone.close()


async def test_words_of_a_party_change_nothing_on_the_way(core, party) -> None:
    """What looks like the edge's own marks, or a Via, in a header or a body goes on as it is."""
    body = b"/TCP =TLS= \r\nVia: SIP/2.0/TLS core1.ringwall.internal;received=127.0.0.1;branch=x\r\n/WS =WSS= \0 \xff"
    core.send(of_core("INFO", party, body=body, extra="Subject: SIP/2.0/TCP =TLS=x\r\n"))
    message = await party.next("INFO")
    assert message.body == body or isinstance(party.end, Browser)
    assert message.get("Subject") == "SIP/2.0/TCP =TLS=x"

"""Nobody's session description makes the relay send to a group, to no host, or to the system's own hosts and ports."""

import asyncio
import socket
from collections.abc import Callable, Iterator

import pytest

from ringwall.cli.demo.wiretap import TONES
from system.descriptions import answer_to, good, of_port
from system.elsewhere import OtherHost, other_host
from system.exchange import House, house_in
from system.raw_phone import joined
from system.running import System, until

GROUP = "239.213.7.7"
DIALLED = "00445550123"


class Watcher:
    """Hears every datagram that comes to its port at any address of this host, or to the group."""

    def __init__(self, system: System) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(("", 0))
        self.port: int = self._socket.getsockname()[1]
        member = socket.inet_aton(GROUP) + socket.inet_aton(system.settings.address)
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)

    @property
    def heard(self) -> bool:
        try:
            self._socket.recv(2048)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def watcher(system: System) -> Iterator[Watcher]:
    made = Watcher(system)
    # What it is there for: it would hear.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for address in ("127.0.0.1", system.settings.address):
            sender.sendto(b"here", (address, made.port))
            assert made.heard
    yield made
    made.close()


def to(address: str, family: str = "IP4") -> Callable[[bytes, Watcher], bytes]:
    """Moves a description's media there, at the watcher's port."""

    def moved(body: bytes, watcher: Watcher) -> bytes:
        lines = body.split(b"\r\n")
        for place, line in enumerate(lines):
            if line.startswith(b"c="):
                lines[place] = f"c=IN {family} {address}".encode()
            elif line.startswith(b"m=audio "):
                words = line.split(b" ")
                lines[place] = b" ".join([words[0], b"%d" % watcher.port, *words[2:]])
        return b"\r\n".join(lines)

    return moved


def with_line(line: str) -> Callable[[bytes, Watcher], bytes]:
    """Adds a line that names the watcher's port."""
    return lambda body, watcher: body + f"a={line.format(port=watcher.port)}\r\n".encode()


ICE = "ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=candidate:1 1 UDP 2130706431 {} {{port}} typ host"

FORBIDDEN: dict[str, Callable[[bytes, Watcher], bytes]] = {
    "a group": to(GROUP),
    "everybody": to("255.255.255.255"),
    "no host": to("0.1.2.3"),
    "loopback, mapped": to("::ffff:127.0.0.1", "IP6"),
    "loopback of IPv6": to("::1", "IP6"),
    "an IPv6 address that the relay takes for loopback": to("7f00:1::1", "IP6"),
    "a host name": to("localhost"),
    "a group for RTCP": with_line(f"rtcp:{{port}} IN IP4 {GROUP}"),
    "nowhere for RTCP": with_line("rtcp:{port} IN IP4 0.0.0.0"),
    "a name for RTCP": with_line("rtcp:{port} IN IP4 localhost"),
    "a group as a candidate": with_line(ICE.format(GROUP)),
    "nowhere as a candidate": with_line(ICE.format("0.0.0.0")),
}
forbidden = pytest.mark.parametrize("moved", FORBIDDEN.values(), ids=FORBIDDEN)


@forbidden
@pytest.mark.req("T5")
async def test_offers_and_changes_to_such_places_are_refused_and_nothing_is_sent_there(
    system, connect, media, watcher, moved
) -> None:
    anna, ben = await connect(), await connect()
    before = system.seq()
    answer = await anna.invite(ben.account.extension, moved(good(), watcher)).final()
    assert answer.status == 488
    record = await system.record(before, "media.refused", caller=anna.account.extension)
    assert record["why"] in (answer.headers.get("warning") or "").replace("\\", "")
    assert not ben.came_already("INVITE")
    ours, theirs = media(), media()
    here, there = await joined(anna, ben, of_port(ours), lambda sdp: answer_to(sdp, theirs))
    change = moved(of_port(theirs).replace(b"o=- 77 1 ", b"o=- 77 2 "), watcher)
    assert (await there.reinvite(change)).status == 488
    await ours.talk(here.remote, TONES[0])
    await theirs.talk(there.remote, TONES[1])
    await until(lambda: ours.tone == TONES[1] and theirs.tone == TONES[0], "both hear each other")
    assert not watcher.heard
    assert (await here.hang_up()).status == 200


@forbidden
@pytest.mark.req("T5")
async def test_answers_to_such_places_end_the_call_and_nothing_is_sent_there(
    system, connect, watcher, moved
) -> None:
    anna, ben = await connect(), await connect()
    before = system.seq()
    asked = anna.invite(ben.account.extension, good())
    ringing = await ben.ringing()
    called, answer = await asyncio.gather(
        ringing.answer(moved(answer_to(ringing.request.body), watcher)), asked.final()
    )
    assert answer.status == 488
    await called.ended()
    record = await system.record(before, "media.refused", device=ben.account.username)
    assert record["method"] == "answer"
    assert not watcher.heard


@pytest.mark.req("T5")
async def test_a_phone_on_this_host_can_name_no_port_of_the_system(system, connect) -> None:
    anna, ben = await connect(), await connect()
    ports, own = system.settings.ports, system.settings
    for host in ("127.0.0.1", own.address):
        for port in (
            *(ports.ng, ports.ng - 1, ports.kamailio_core, ports.inner, ports.sips),
            *(ports.rtp_first, ports.rtp_last, own.media.first_port, own.media.last_port),
        ):
            body = good(host=host, port=port)
            assert (await anna.invite(ben.account.extension, body).final()).status == 488, (host, port)


@pytest.fixture
def elsewhere() -> Iterator[OtherHost]:
    with other_host() as made:
        yield made


@pytest.mark.req("T5")
async def test_a_phone_elsewhere_has_nothing_sent_to_the_systems_host(
    system, connect, person, media, watcher, elsewhere
) -> None:
    anna, ben = await elsewhere.connect(system, person()), await connect()
    try:
        for host in ("127.0.0.1", "127.1.2.3", system.settings.address):
            offer = good(host=host, port=watcher.port)
            assert (await anna.invite(ben.account.extension, offer).final()).status == 488, host
            asked = ben.invite(anna.account.extension, good())
            ringing = await anna.ringing()
            answer = answer_to(ringing.request.body, host=host, port=watcher.port)
            called, told = await asyncio.gather(ringing.answer(answer), asked.final())
            assert told.status == 488, host
            await called.ended()
        # What it may name: where it is.
        here, there = await joined(
            anna, ben, good(host=elsewhere.address), lambda sdp: answer_to(sdp, media())
        )
        assert (await here.hang_up()).status == 200
        await there.ended()
        assert not watcher.heard
    finally:
        await anna.close()


@pytest.fixture(scope="module")
def house(system: System) -> Iterator[House]:
    with house_in(system) as made:
        yield made


@pytest.mark.req("T5")
async def test_a_carrier_can_name_no_such_place_either(system, house, connect, person, watcher) -> None:
    moved = to(GROUP)
    async with house.trunk("places", "pstn") as exchange:
        exchange.describe = lambda sdp: moved(answer_to(sdp), watcher)
        anna = await connect(house.employ(person(), "local"))
        before = system.seq()
        assert (await anna.invite(DIALLED, good()).final()).status == 488
        assert (await system.record(before, "media.refused"))["method"] == "answer"
        rings = exchange.line.invite(anna.account.extension, moved(good(), watcher))
        assert (await rings.final()).status == 488
    assert not watcher.heard

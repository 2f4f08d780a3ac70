"""Whose responses pass the edge, with HAProxy and Kamailio as they run: only of whom the edge has asked."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from system.carrier import Authority, Desk, carrier
from system.edge_browser import Browser
from system.edge_rig import OTHER_ADDRESS, Core, Message, Phone, Rig, edge, free_settings, request, until

pytestmark = [pytest.mark.timeout(90), pytest.mark.req("W2", "W5")]

CORE = {"host": "core1.ringwall.internal"}
CONTACT = "Contact: <sip:core@core1.ringwall.internal;transport=tls>\r\n"
# So that a transaction is over long before a test is.
SHORT = 'modparam("tm", "fr_timer", 5000)\nmodparam("tm", "wt_timer", 100)'
OVER_SECONDS = 1.0


def short(config: str) -> str:
    return config.replace('modparam("tm", "fr_timer", 5000)', SHORT)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("A carrier's own authority")


@pytest.fixture(scope="module")
def rig(authority: Authority) -> Iterator[Rig]:
    with edge(kamailio=short, authorities=authority.pem) as running:
        yield running


@pytest.fixture
async def core(rig: Rig) -> AsyncIterator[Core]:
    attached = await Core.attach(rig)
    yield attached
    await attached.stop()


@pytest.fixture
async def phone(rig: Rig) -> AsyncIterator[Phone]:
    connected = await Phone.connect(rig)
    yield connected
    await connected.close()


@pytest.fixture
async def stranger(rig: Rig) -> AsyncIterator[Phone]:
    connected = await Phone.connect(rig, OTHER_ADDRESS)
    yield connected
    await connected.close()


@pytest.fixture
async def browser(rig: Rig) -> AsyncIterator[Browser]:
    connected = await Browser.connect(rig)
    yield connected
    await connected.close()


@pytest.fixture
async def there(rig: Rig, authority: Authority, tmp_path: Path) -> AsyncIterator[Phone]:
    """The carrier's end of trunk 1."""
    desk = await Desk.attach(rig)
    async with carrier(authority.leaf(tmp_path)) as peer:
        await desk.up(peer.slot(1))
        yield await peer.connection()
        await desk.set()
    await desk.stop()


def response(*vias: str, status: int = 200, cseq: str = "1 INVITE", call_id: str = "9") -> bytes:
    lines = [f"SIP/2.0 {status} X", *(f"Via: {via}" for via in vias)]
    lines += ["From: <sip:a@x>;tag=1", "To: <sip:b@x>;tag=2", f"Call-ID: {call_id}", f"CSeq: {cseq}"]
    return ("\r\n".join(lines) + "\r\nP-Smuggled: yes\r\nContent-Length: 0\r\n\r\n").encode()


def invite_to(path: str, **other: str) -> bytes:
    return request("INVITE", "sip:100@192.0.2.99", extra=f"Route: {path}\r\n{CONTACT}", **CORE | other)


async def say(party: Phone | Browser, data: bytes) -> None:
    if isinstance(party, Browser):
        await party.send(data)
    else:
        party.send(data)


async def asked_last(core: Core, party: Phone | Browser, path: str) -> None:
    """The core asks a phone something: what this phone got before would be read instead, here and at the core."""
    core.send(request("OPTIONS", "sip:100@192.0.2.99", extra=f"Route: {path}\r\n", **CORE))
    message = await party.next()
    assert message.method == "OPTIONS", message.head
    answer = message.reply(200, "OK", tag="phone")
    await say(party, answer)
    assert (await core.next("SIP/2.0")).get("CSeq") == "1 OPTIONS"
    assert not [m for m in core.messages if m.status], core.messages


def link_address(core: Core) -> str:
    host, port = core.link._transport.get_extra_info("sockname")[:2]
    return f"{host}:{port}"


@pytest.mark.parametrize("transport", ["TCP", "TLS", "WS", "WSS", "UDP"])
async def test_a_strangers_response_reaches_nobody_whatever_way_it_names(
    rig, core, phone, browser, stranger, transport
) -> None:
    path, way = (await phone.register(core)).get("Path"), (await browser.register(core)).get("Path")
    ours = f"SIP/2.0/TLS 127.0.0.1:{rig.settings.ports.sips}"
    for target in (phone.local, browser.local, link_address(core), stranger.local):
        host, _, port = target.partition(":")
        for top in (f"{ours};branch=z9hG4bKx", *(f"{ours};branch=z9hG4bKx;i={n:x}" for n in range(1, 9))):
            for second in (f"{target}", f"x.invalid;received={host};rport={port}"):
                stranger.send(response(top, f"SIP/2.0/{transport} {second};branch=z9hG4bKy"))
        with pytest.raises((EOFError, TimeoutError, ConnectionError)):
            await stranger.next(0.3)
        stranger = await Phone.connect(rig, OTHER_ADDRESS)
    await asked_last(core, phone, path)
    await asked_last(core, browser, way)
    await stranger.close()


async def test_who_knows_all_of_a_request_cannot_answer_for_another(rig, core, phone, browser, there) -> None:
    path, way = (await phone.register(core)).get("Path"), (await browser.register(core)).get("Path")
    stranger = await Phone.connect(rig, OTHER_ADDRESS)
    route = (await stranger.register(core)).get("Path")
    core.send(invite_to(route))
    own = await stranger.next()
    core.send(invite_to(path))
    core.send(invite_to(way))
    core.send(
        request("INVITE", "sip:+49301@carrier.example", extra="P-Ringwall-Trunk: 1\r\n" + CONTACT, **CORE)
    )
    asked = [await phone.next(), await browser.next(), await there.next()]
    # The seal of its own request does not help it with that of another one.
    seal = own.get("Via").partition(";seal=")[2]
    for invite in asked:
        via = invite.get("Via")
        head, _, theirs = via.partition(";seal=")
        for forged in (via, f"{head};seal={seal}", head, f"{head};seal={seal[:32]}.{theirs[33:]}"):
            stranger.send(Message(invite.head.replace(via, forged)).reply(200, "OK", CONTACT, tag="stranger"))
    with pytest.raises((EOFError, TimeoutError, ConnectionError)):
        await stranger.next(0.3)
    for invite, party in zip(asked, (phone, browser, there), strict=True):
        busy = invite.reply(486, "Busy Here", tag="phone")
        await say(party, busy)
        answer = await core.next("SIP/2.0")
        assert answer.status == 486, answer.head
        assert answer.get("Call-ID") == invite.get("Call-ID")
    await stranger.close()


async def test_a_cores_via_comes_back_to_it_alone_and_whole(core, phone) -> None:
    path = (await phone.register(core)).get("Path")
    core.send(invite_to(path, branch="z9hG4bKown1"))
    invite = await phone.next()
    phone.send(invite.reply(180, "Ringing", "Via: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bKmore\r\n", tag="phone"))
    phone.send(invite.reply(183, "Progress", tag="phone"))
    answer = await core.next("SIP/2.0")
    assert (answer.status, answer.all("Via")) == (
        183,
        ["SIP/2.0/TLS core1.ringwall.internal;branch=z9hG4bKown1"],
    )


async def test_an_answer_that_comes_again_after_its_transaction_reaches_the_core(
    rig, core, phone, browser
) -> None:
    """Its ACK was lost: the phone says 200 until it hears it (RFC 6026 7.1), also to a core that has come back."""
    for party in (phone, browser):
        path = (await party.register(core)).get("Path")
        core.send(invite_to(path, branch="z9hG4bKagain"))
        invite = await party.next()
        ok = invite.reply(200, "OK", "Contact: <sip:100@192.0.2.99>\r\n", tag="phone")
        await say(party, ok)
        first = await core.next("SIP/2.0")
        await core.stop()
        core = await Core.attach(rig)
        await asyncio.sleep(OVER_SECONDS)
        await say(party, ok)
        again = await core.next("SIP/2.0")
        assert (again.status, again.all("Via")) == (200, first.all("Via"))
        # Anything else that comes so late tells nobody anything.
        late = invite.reply(180, "Ringing", tag="phone")
        await say(party, late)
        await asked_last(core, party, path)
    await core.stop()


async def test_the_cores_yes_that_comes_again_after_its_transaction_reaches_who_has_called(
    rig, core, phone, browser, there
) -> None:
    await phone.register(core)
    await browser.register(core)
    for party, transport in ((phone, "TLS"), (browser, "WSS"), (there, "TLS")):
        invite = request("INVITE", "sip:101@example.test", transport=transport, extra=CONTACT)
        await say(party, invite)
        seen = await core.next("INVITE")
        core.send(seen.reply(200, "OK", CONTACT))
        first = await party.final()
        await core.stop()
        core = await Core.attach(rig)
        await asyncio.sleep(OVER_SECONDS)
        core.send(seen.reply(200, "OK", CONTACT))
        again = await party.next()
        assert (again.status, again.all("Via"), again.get("To")) == (200, first.all("Via"), first.get("To"))
        assert len(again.all("Via")) == 1
        # No other word of the core finds a way by itself, nor does this one to anybody else.
        core.send(seen.reply(180, "Ringing", CONTACT))
        core.send(seen.reply(486, "Busy Here"))
    for target in (phone.local, browser.local):
        top = "SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKz;i=2"
        core.send(response(top, f"SIP/2.0/TCP {target};branch=z9hG4bKy"))
    for party in (phone, browser, there):
        with pytest.raises(TimeoutError):
            await party.next(0.3)
    await core.stop()


async def test_a_browser_gets_the_cores_late_yes_whole_whatever_its_length(rig, core, browser) -> None:
    await browser.register(core)
    await browser.send(request("INVITE", "sip:101@example.test", transport="WSS", extra=CONTACT))
    seen = await core.next("INVITE")
    core.send(seen.reply(200, "OK", CONTACT))
    assert (await browser.final()).status == 200
    await asyncio.sleep(OVER_SECONDS)
    for more in range(0, 600, 2):
        core.send(seen.reply(200, "OK", f"{CONTACT}X-Pad: {'x' * more}\r\n"))
        assert (await browser.next()).get("X-Pad") == "x" * more


async def test_a_link_without_the_token_answers_nobody(rig, core, phone) -> None:
    await phone.register(core)
    phone.send(request("INVITE", "sip:101@example.test", extra=CONTACT, call_id="wrong-link"))
    invite = await core.next("INVITE")
    wrong = Core(rig, token="0" * 64)
    await until(lambda: wrong.link._transport is not None)
    wrong.link._transport.write(invite.reply(200, "OK", CONTACT))
    await until(lambda: "refused the hello with 403" in wrong.link._why)
    await wrong.stop()
    core.send(invite.reply(486, "Busy Here"))
    assert (await phone.final()).status == 486


async def test_who_goes_on_with_responses_of_nobody_loses_the_connection_and_the_core_is_told(
    rig, core, phone, stranger, there
) -> None:
    path = (await phone.register(core)).get("Path")
    stray = response(f"SIP/2.0/TLS 127.0.0.1:{rig.settings.ports.sips};branch=z9hG4bKx")
    # A few are put up with: a late word of a call that has ended badly.
    phone.send(stray * 5)
    await asked_last(core, phone, path)
    assert await told(core) == ("source=127.0.0.1", 5)
    stranger.send(stray * 300)
    await stranger.closed()
    who, times = await told(core)
    assert who == f"source={OTHER_ADDRESS}"
    assert 20 <= times <= 300
    # A carrier's connection is everybody's, and lasts longer.
    there.send(stray * 300)
    assert (await told(core))[0] == "trunk=1"
    there.send(request("OPTIONS", "sip:example.test"))
    assert (await there.final()).status == 200


async def told(core: Core) -> tuple[str, int]:
    """Who sent stray responses, and how many, as the edge tells the core."""
    while True:
        info = await core.next("INFO")
        core.send(info.reply(200, "OK"))
        kind, *words = info.get("P-Ringwall-Event").split(";")
        if kind == "stray-responses":
            who, times = words
            return who, int(times.removeprefix("times="))


async def test_who_answers_too_much_loses_the_connection() -> None:
    """Also with good answers to a request that is open."""
    with edge(free_settings(sip_requests_per_source_10s=50)) as rig:
        core = await Core.attach(rig)
        phone = await Phone.connect(rig)
        core.send(invite_to((await phone.register(core)).get("Path")))
        invite = await phone.next()
        phone.send(invite.reply(180, "Ringing", tag="phone") * 1000)
        await phone.closed()
        assert len([m for m in core.messages if m.status == 180]) <= 4 * 10 * 2
        await core.stop()

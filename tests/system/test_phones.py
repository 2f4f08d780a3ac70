"""Desk phones in a running system: found, set up, without rights until somebody logs in (P1 to P4)."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from support.accounts import nobody
from support.core_data import open_core
from support.operations import offer_the_rest
from support.vendors import Vendor
from system.descriptions import answer_to, good
from system.desk_phone import DeskPhone, Factory, factory_of
from system.exchange import SITE, House, house_in
from system.raw_phone import RawPhone, RefusedError, joined
from system.running import System, until

pytestmark = pytest.mark.req("P1", "P2", "P3", "P4")
LOG_IN, LOG_OUT = "*60", "*61"
METHODS = ("MESSAGE", "SUBSCRIBE", "PUBLISH", "REFER", "NOTIFY", "INFO", "UPDATE", "PRACK", "BYE", "FOO")


@pytest.fixture(scope="module")
def house(system: System) -> Iterator[House]:
    with house_in(system) as made:
        telephony = made.add("cos.telephony", "Movers", reassignment=True)
        made.add("group", "movers", name="Movers", call="internal", telephony=telephony)
        yield made


@pytest.fixture(scope="module")
def factory(system: System) -> Iterator[Factory]:
    with factory_of(system) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def plugged(system: System, house: House, factory: Factory) -> AsyncIterator[DeskPhone]:
    """A phone in the lobby that has been set up: nobody is logged in at it."""
    phone = factory.phone()
    system.ask("phone.add", mac=phone.mac, site=SITE, location="Lobby, ground floor")
    assert await phone.configure() == 200
    yield phone
    system.ask("phone.remove", mac=phone.mac)


@pytest_asyncio.fixture(loop_scope="session")
async def lobby(plugged: DeskPhone) -> AsyncIterator[RawPhone]:
    """The same, signed in."""
    phone = await plugged.sign_in()
    yield phone
    await phone.close()


def _pin(system: System, extension: str) -> str:
    pin = "407259"
    system.ask("user.pin.set", extension=extension, pin=pin, must_change=False)
    return pin


async def test_a_phone_is_set_up_by_its_factory_certificate_and_no_other_gets_its_file(
    system, factory, plugged
) -> None:
    assert system.ask("phone.show", mac=plugged.mac)["state"] == "available"
    assert plugged.settings["account.1.srtp_encryption"] == "2"
    others = [
        DeskPhone(system, plugged.mac),
        factory.phone(mac=plugged.mac, name="00156500ffff"),
        factory.phone(mac=plugged.mac, name="Yealink generic"),
        factory.phone(mac=plugged.mac, vendor=Vendor("Somebody else")),
    ]
    answers = [await one.ask(f"/phone/{plugged.mac}.cfg") for one in others]
    answers.append(await DeskPhone(system, "00156500eeee").ask("/phone/00156500eeee.cfg"))
    assert {status for status, _ in answers} == {401}
    assert len({body for _, body in answers}) == 1


async def test_what_the_edge_says_of_a_certificate_cannot_be_said_by_a_phone(
    system, factory, plugged
) -> None:
    stranger = DeskPhone(system, plugged.mac)
    der = base64.b64encode(b"whatever").decode()
    for name, value in (
        ("X-Ringwall-Certificate", der),
        ("X-Ringwall-Source", "10.0.0.7"),
        ("x-ringwall-door", "phones"),
    ):
        assert (await stranger.ask(f"/phone/{plugged.mac}.cfg", headers={name: value}))[0] == 401


async def test_the_addresses_of_phones_are_in_no_log(system, plugged) -> None:
    told = system.ask("phone.address", mac=plugged.mac)["address"]
    path = told.partition("/phone/")[2]
    bare = DeskPhone(system, plugged.mac)
    assert (await bare.ask(f"/phone/{path}{plugged.mac}.cfg"))[0] == 200
    assert (await bare.ask(f"/phone/{path}x.cfg"))[0] == 404
    await asyncio.sleep(0.5)
    for program in ("haproxy", "agent", "core"):
        assert path.rstrip("/") not in system.log(program)


@pytest.mark.parametrize("path", ["/api/users", "/api/health", "/ws", "/", "/firmware/", "/phone"])
async def test_the_door_for_phones_leads_nowhere_else(system, plugged, path) -> None:
    assert (await plugged.ask(path))[0] == 404


async def test_a_phone_without_a_user_can_neither_call_nor_be_called(system, lobby, connect) -> None:
    anna = await connect()
    for number in (anna.account.extension, "00445550123", "911234", "*97", "*98", "*61", "*10", "8500"):
        # Some are told by a tone why not, before they are refused.
        answer = await lobby.invite(number, good()).final(40)
        assert answer.status in {403, 404, 480, 484, 503}, f"{number}: {answer.status}"
    assert not anna.came_already("INVITE")
    for number in (lobby.account.extension, lobby.account.username):
        with pytest.raises(RefusedError):
            await anna.call(number, good())
    assert not lobby.came_already("INVITE")


async def test_a_phone_without_a_user_is_refused_every_method(lobby, connect) -> None:
    anna = await connect()
    for method in METHODS:
        request = lobby.request(method, uri=f"sip:{anna.account.extension}@{lobby.account.domain}")
        answer = await lobby.ask(request).final()
        assert 400 <= answer.status < 500, f"{method}: {answer.status}"
    for user in (anna.account.extension, "201", "anonymous"):
        forged = lobby.request("REGISTER", to=f"sip:{user}@{lobby.account.domain}")
        answer = await lobby.ask(forged).final()
        answer = await lobby.ask(lobby.authorize(forged, answer)).final()
        assert answer.status == 403
        invite = lobby.invite(anna.account.extension, b"", from_=f"sip:{user}@{lobby.account.domain}")
        assert (await invite.final()).status == 403


async def test_a_phone_without_a_user_is_refused_every_route(system, plugged, lobby, tmp_path) -> None:
    from ringwall.core.api.app import create_app
    from ringwall.core.operations import Operations

    data = await open_core(tmp_path)  # this application tells of its routes, and serves nobody
    operations = Operations(data.ledger)
    offer_the_rest(operations)
    app = create_app(operations, data.store, nobody(data))
    await data.store.close()
    routes = [
        (method.upper(), path.replace("{", "").replace("}", ""))
        for path, methods in app._app.openapi()["paths"].items()  # type: ignore[attr-defined]
        for method in methods
        if path not in {"/api/health", "/api/tokens"}
    ]
    assert len(routes) > 100
    basic = base64.b64encode(f"{lobby.account.username}:{lobby.account.password}".encode()).decode()
    browser = DeskPhone(system, plugged.mac, plugged.certificate)
    browser.port = system.settings.ports.https
    for number, (method, path) in enumerate(routes):
        browser.source = plugged.source = f"127.0.200.{number // 10 + 1}"  # no source may do so much at once
        for headers in ({}, {"Authorization": f"Basic {basic}"}, {"Authorization": f"Bearer {basic}"}):
            body = None if method == "GET" else {}
            status, _ = await browser.ask(path, method=method, headers=headers, body=body)
            assert status == 401, f"{method} {path}"
        status, _ = await plugged.ask(path, method=method, body=body)
        assert status in {404, 405}, f"{method} {path}"


async def test_an_emergency_call_reaches_the_carrier_with_the_place_of_the_phone(system, house, lobby):
    before = system.seq()
    async with house.trunk("fire", "pstn") as carrier:
        call = await lobby.call("112", good())
        talk = await carrier.talk()
        (invite,) = carrier.invites
        assert b"Lobby, ground floor" in invite.body
        assert invite.headers.get("Geolocation-Routing") == "yes"
        told = await system.record(before, "emergency.called", caller_device=lobby.account.username)
        assert told["location"] == "Lobby, ground floor"
        # Nobody takes an emergency call away from a phone, whatever an administrator does to it.
        mac = next(one["mac"] for one in system.ask("phone.list") if one["device"] == lobby.account.username)
        system.ask("phone.block", mac=mac)
        assert (await call.ask("OPTIONS").final()).status == 200
        await call.hang_up()
        await talk.ended()
        assert (await lobby.register()).status == 401


async def test_login_gives_the_users_rights_and_logout_takes_them(
    system, house, plugged, lobby, person, connect
):
    anna, ben = person("Anna"), await connect()
    house.employ(anna, "movers")
    pin = _pin(system, anna.extension)
    before = system.seq()
    asked = {"extension": anna.extension, "pin": pin}
    assert (await plugged.ask("/phone/v1/login", body={**asked, "pin": "999999"}))[0] == 403
    status, body = await plugged.ask("/phone/v1/login", body=asked)
    assert (status, "Anna" in body) == (200, True)
    # The phone is told to fetch its configuration; what it had is worth nothing.
    _, notify = await lobby.came("NOTIFY")
    assert notify.headers.get("Event") == "check-sync;reboot=false"
    assert (await lobby.register()).status == 401
    assert await plugged.configure() == 200
    desk = await plugged.sign_in()
    try:
        assert desk.account.extension == anna.extension
        call, talk = await joined(desk, ben, good(), answer_to)
        # Who logs out goes on talking, and may begin nothing.
        assert (await plugged.ask("/phone/v1/logout", body={}))[0] == 200
        assert (await talk.ask("OPTIONS").final()).status == 200
        await call.hang_up()
        await talk.ended()
        with pytest.raises(RefusedError):
            await desk.call(ben.account.extension, good())
        assert (await desk.register()).status == 401
    finally:
        await desk.close()
    assert system.ask("phone.show", mac=plugged.mac)["state"] == "available"
    states = [one["kind"] for one in system.records(before) if one["kind"].startswith("phone.")]
    assert states == ["phone.assigned", "phone.available"]


async def test_a_phone_is_called_while_its_user_is_logged_in_and_only_then(
    system, house, plugged, person, connect
):
    anna, ben = person("Anna"), await connect()
    house.employ(anna, "movers")
    system.ask("phone.assign", mac=plugged.mac, extension=anna.extension)
    await plugged.configure()
    desk = await plugged.sign_in()
    try:
        call, talk = await joined(ben, desk, good(), answer_to)
        await call.hang_up()
        await talk.ended()
        system.ask("phone.unassign", mac=plugged.mac)
        with pytest.raises(RefusedError):
            await ben.call(anna.extension, good())
    finally:
        await desk.close()


async def test_who_guesses_secret_addresses_is_counted_and_the_edge_is_asked_to_turn_them_away(
    system, source
) -> None:
    before = system.seq()
    phone = DeskPhone(system, "001565000000", source=source)
    guesses = [await phone.ask(f"/phone/{'a' * 30}{chr(97 + number)}b/x.cfg") for number in range(20)]
    assert {status for status, _ in guesses} == {401}
    assert (await system.record(before, "security.phones_banned"))["source"] == source
    # The agent bans no address of its own host; that it says so shows that it was asked.
    await until(lambda: f"{source} could not be banned" in system.log("core"), "the agent was asked")


@pytest.mark.req("P3", "C2")
async def test_a_user_logs_in_and_out_with_the_keys_of_a_phone_without_a_screen(
    system, house, plugged, person, desk_phones
) -> None:
    await system.ready()
    anna = house.employ(person("Anna"), "movers")
    pin = _pin(system, anna.extension)
    before = plugged.account
    talk = await (await desk_phones(before)).call(LOG_IN)
    await talk.call.send_dtmf(f"{anna.extension}#{pin}#")
    await until(lambda: _shown(system, plugged)["state"] == "assigned", "the user is logged in", 30)
    assert _shown(system, plugged)["user"] == anna.extension
    await until(lambda: talk.closed, "the menu has said so and hung up", 30)
    assert await plugged.configure() == 200
    assert plugged.account.extension == anna.extension
    assert plugged.account.password != before.password
    talk = await (await desk_phones(plugged.account)).call(LOG_OUT)
    await until(lambda: _shown(system, plugged)["state"] != "assigned", "the user is logged out", 30)
    await until(lambda: talk.closed, "the menu has said so and hung up", 30)


@pytest.mark.req("P4")
async def test_a_wrong_pin_by_keys_logs_nobody_in(system, house, plugged, person, desk_phones) -> None:
    await system.ready()
    anna = house.employ(person("Anna"), "movers")
    _pin(system, anna.extension)
    talk = await (await desk_phones(plugged.account)).call(LOG_IN)
    for _ in range(3):
        await talk.call.send_dtmf(f"{anna.extension}#111222#")
        await asyncio.sleep(4)
    await until(lambda: talk.closed, "the menu has had enough", 40)
    assert _shown(system, plugged)["state"] == "available"


def _shown(system: System, phone: DeskPhone) -> dict:
    return system.ask("phone.show", mac=phone.mac)

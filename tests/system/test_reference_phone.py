"""The reference phone in a running system: boots verified firmware, has no rights, gets a user's, loses them again."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ringwall.cli.demo.plugged import PluggedPhone
from ringwall.phone import build
from system.running import System
from system.signing_room import SigningRoom
from system.test_voice_mail import leave, over

PIN = "407259"


def refused(shown: dict, number: str) -> bool:
    """The call to a number is over, and the display says why."""
    last = shown["last_call"]
    return not shown["calls"] and last is not None and last["peer"] == number and bool(last["why"])


@pytest.fixture(scope="module")
def room(system: System, tmp_path_factory) -> SigningRoom:
    """The signing room of the system; another module of this run may have begun it."""
    made = SigningRoom.of(system, tmp_path_factory.mktemp("reference"))
    made.image("10.0.0", build.image_of("10.0.0"))
    return made


@pytest_asyncio.fixture(loop_scope="session")
async def phone(system, room, tmp_path) -> AsyncIterator[PluggedPhone]:
    """A phone on a desk, let in by an administrator with a code; nobody is logged in."""
    made = PluggedPhone(system.layout, system.settings, tmp_path / "phone")
    made.make(room.root, room.path("10.0.0"))
    made.plug_in()
    try:
        await made.shows(lambda shown: shown["phase"] == "waiting to be let in", "not let in yet")
        code = system.ask("phone.approve", mac=made.mac)["code"]
        await made.key("code", code=code)
        await made.shows(lambda shown: shown["signed_in"], "signed in")
        yield made
    finally:
        made.unplug()
        system.ask("firmware.rollout", vendor="ringwall", model="reference", stable="", percent=100)
        system.ask("phone.remove", mac=made.mac)


@pytest.mark.req("F2", "P1", "P2", "P4", "P5")
async def test_it_boots_verified_firmware_and_can_do_nothing_until_somebody_logs_in(
    system, phone, desk_phones
) -> None:
    shown = await phone.key("state")
    assert (shown["version"], shown["state"], shown["user"]) == ("10.0.0", "available", None)
    entry = system.ask("phone.show", mac=phone.mac)
    assert (entry["state"], entry["identity"], entry["model"]) == (
        "available",
        "our certificate",
        "reference",
    )
    anna = await desk_phones()
    for number in (anna.credentials.extension, "00445550123", "*97"):
        await phone.key("dial", number=number)
        await phone.shows(lambda shown, number=number: refused(shown, number), f"{number} is refused", 45)
    assert anna.incoming.empty()
    with pytest.raises(Exception, match=r"40\d|48\d"):
        await anna.call(entry["device"], timeout=8)
    assert (await phone.key("state"))["calls"] == []


@pytest.mark.req("P3", "T1", "P5")
async def test_a_user_logs_in_calls_and_is_called_and_logs_out(system, phone, person, desk_phones) -> None:
    anna, ben = person("Anna"), await desk_phones(hertz=620.0)
    system.ask("user.pin.set", extension=anna.extension, pin=PIN, must_change=False)
    told = await phone.key("login", extension=anna.extension, pin="999999")
    assert (told["done"], told["reason"]) == (False, "wrong")
    before = system.seq()
    told = await phone.key("login", extension=anna.extension, pin=PIN)
    if told["reason"] == "not_allowed":
        # The phone is nobody's home: who may log in everywhere is said by the class of service.
        system.ask("phone.set", mac=phone.mac, home=anna.extension)
        told = await phone.key("login", extension=anna.extension, pin=PIN)
    assert told["done"], told
    await phone.shows(lambda shown: shown["signed_in"] and shown["user"], "signed in as Anna")
    await phone.key("tone", hertz=440)
    await phone.key("dial", number=ben.credentials.extension)
    talk = await ben.taken(15)
    await phone.shows(lambda shown: shown["calls"] and shown["calls"][0]["state"] == "talking", "talking")
    await phone.hears(620)
    (call,) = [one for one in system.ask("call.list") if one["caller"] == anna.extension]
    assert all(call["suites"])
    await phone.key("hang-up")
    await phone.shows(lambda shown: not shown["calls"], "free")
    assert talk is not None

    calling = asyncio.create_task(ben.call(anna.extension, timeout=20))
    await phone.shows(lambda shown: shown["calls"] and shown["calls"][0]["state"] == "ringing", "rings")
    await phone.key("answer")
    await calling
    await phone.key("hang-up")
    await phone.shows(lambda shown: not shown["calls"], "free")

    assert (await phone.key("logout"))["done"]
    await phone.shows(lambda shown: shown["user"] is None and shown["signed_in"], "nobody is logged in")
    await phone.key("dial", number=ben.credentials.extension)
    await phone.shows(lambda shown: refused(shown, ben.credentials.extension), "refused again", 45)
    kinds = [record["kind"] for record in system.records(before)]
    assert any("phone" in kind for kind in kinds)


@pytest.mark.req("F1", "F2", "F3")
async def test_new_firmware_comes_by_itself_and_a_tampered_one_is_refused_and_on_record(
    system, room, phone
) -> None:
    path = await asyncio.to_thread(room.image, "10.1.0", build.image_of("10.1.0"))
    system.ask("firmware.rollout", vendor="ringwall", model="reference", stable=path)
    await phone.key("reload")
    await phone.shows(lambda shown: shown["version"] == "10.1.0" and shown["signed_in"], "the new image", 60)

    content = build.image_of("10.2.0")
    path = await asyncio.to_thread(room.image, "10.2.0", content)
    stored = system.layout.firmware / "images" / hashlib.sha256(content).hexdigest()
    stored.write_bytes(content.replace(b"mandatory SRTP", b"optional  SRTP"))
    before = system.seq()
    system.ask("firmware.rollout", vendor="ringwall", model="reference", stable=path)
    await phone.key("reload")
    told = await system.record(before, "firmware.refused", reason="changed")
    assert (told["image"], told["running"], told["device"]) == (path, "10.1.0", phone.mac)
    shown = await phone.key("state")
    assert (shown["version"], shown["signed_in"]) == ("10.1.0", True)
    stored.write_bytes(content)


@pytest.mark.req("P3")
async def test_it_comes_back_by_itself_after_the_power_was_gone(system, phone) -> None:
    phone.unplug()
    phone.plug_in()
    shown = await phone.shows(lambda shown: shown["signed_in"], "signed in again")
    assert shown["version"] == "10.0.0"


@pytest.mark.req("P3", "P5", "V2")
async def test_lamp_and_button_are_the_user_s_and_an_administrator_can_take_the_phone_away(
    system, phone, person, desk_phones
) -> None:
    anna, ben = person("Anna"), await desk_phones(hertz=620.0)
    system.ask("user.pin.set", extension=anna.extension, pin=PIN, must_change=False)
    system.ask("voicemail.set", extension=anna.extension, takes_calls=True)
    system.ask("phone.assign", mac=phone.mac, extension=anna.extension)
    # Nobody touched the phone: it was told to fetch its configuration.
    await phone.shows(lambda shown: shown["signed_in"] and shown["user"], "it is Anna's phone")
    talk = await leave(ben, anna.extension, 4.0)
    await over(talk)
    await phone.shows(lambda shown: shown["lamp"] == {"on": True, "new": 1}, "the lamp is lit")

    number = (await phone.key("state"))["buttons"].index("Mailbox") + 1
    await phone.key("button", button=number)
    await phone.shows(lambda shown: shown["calls"] and shown["calls"][0]["state"] == "talking", "the mailbox")
    await phone.key("digits", digits=f"{PIN}#1")
    await phone.hears(620, 40)
    await phone.key("hang-up")
    await phone.shows(lambda shown: not shown["calls"], "free")

    system.ask("phone.unassign", mac=phone.mac)
    shown = await phone.shows(lambda shown: shown["user"] is None and shown["signed_in"], "nobody's phone")
    assert shown["lamp"] == {"on": False, "new": 0}
    assert shown["buttons"] == []

"""The third act: a phone that trusts its root alone, and may do nothing until somebody logs in (F2, P2).

It makes a root of trust of its own, so it is played on a system of its own.
"""

import asyncio
import hashlib
import http.client
import ssl
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ringwall.cli.client import ask
from ringwall.cli.demo.phones import Credentials, Phone, Phones, load
from ringwall.cli.demo.plugged import PluggedPhone
from ringwall.cli.demo.stage import Act, NotHeldError, claim, perform
from ringwall.cli.firmware import upload
from ringwall.core.firmware import keys
from ringwall.core.firmware.desk import Desk
from ringwall.infra.firmware import ImageName
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings
from ringwall.phone import build

USER, FRIEND = "301", "302"
PIN = "407259"
PHRASE = "only for this demonstration"
PHONE_HZ, FRIEND_HZ = 440.0, 620.0
PEOPLE = ("anna", "ben", "carla", "dora")
_REFUSED_S = 45.0


@dataclass(slots=True)
class Office:
    """A system, a signing room, a phone on a desk and a friend who can be called."""

    layout: Layout
    settings: Settings
    room: Desk
    phone: PluggedPhone
    friend: Phone
    facts: dict[str, Any] = field(default_factory=dict)

    def ask(self, operation: str, **arguments: Any) -> Any:
        """Ask the running core."""
        return ask(self.layout, operation, arguments)

    def publish(self, version: str) -> str:
        """Build, sign and publish an image; return its path."""
        content = build.image_of(version)
        name = ImageName(build.VENDOR, build.MODEL, version, build.FILENAME)
        file = self.room.folder / f"{version}.rwi"
        file.write_bytes(content)
        self.room.add_image(file, name, "", datetime.now(UTC))
        self.sign_and_publish()
        return str(name)

    def sign_and_publish(self) -> None:
        """Everybody signs what they may; the core checks and takes it."""
        self.room.sign([], lambda _what: PHRASE)
        for sha256, path in self.room.image_files().items():
            upload(self.layout, sha256, path)
        files = {role: one.to_bytes().decode() for role, one in self.room.proposals().items()}
        self.ask("firmware.publish", files=files)
        self.room.drop_proposals()
        self.fetch()

    def fetch(self) -> None:
        """Take what is published into the room."""
        told = self.ask("firmware.fetch")
        self.room.take(told["files"], told["online"])


async def ceremony(office: Office) -> None:
    """Two of three people sign the root, the vendor's key an image; the phone is made with that root."""
    office.fetch()
    for name in PEOPLE:
        keys.make_file_key(office.room.keys, name, PHRASE)
    now = datetime.now(UTC)
    office.room.begin(PEOPLE[:3], [PEOPLE[3]], threshold=2, targets_threshold=1, now=now)
    office.room.set_holders(build.VENDOR, [PEOPLE[3]], 1, now)
    office.sign_and_publish()
    path = await asyncio.to_thread(office.publish, "1.0.0")
    await asyncio.to_thread(office.phone.make, office.room.folder / "published" / "1.root.json", path)
    verdict = office.ask("firmware.verify")
    claim(verdict["ok"], f"the repository does not verify: {verdict['problems']}")


async def boot(office: Office) -> None:
    """The loader verifies the image and starts it; the phone asks to be let in, and is not."""
    office.phone.plug_in()
    shown = await office.phone.shows(lambda one: one["phase"] == "waiting to be let in", "it boots")
    claim(shown["version"] == "1.0.0", f"it runs {shown['version']}")
    found = office.ask("phone.show", mac=office.phone.mac)
    claim(found["state"] == "discovered", f"the core says that the phone is {found['state']}")


async def let_in(office: Office) -> None:
    """An administrator approves it with a code; it gets a certificate of its own, and nobody's rights."""
    code = office.ask("phone.approve", mac=office.phone.mac)["code"]
    await office.phone.key("code", code=code)
    await office.phone.shows(lambda one: one["signed_in"], "it is let in")
    found = office.ask("phone.show", mac=office.phone.mac)
    office.facts |= {"mac": found["mac"], "identity": found["identity"], "device": found["device"]}
    claim(found["state"] == "available", f"the core says that the phone is {found['state']}")
    claim(found["identity"] == "our certificate", f"it proves itself by {found['identity']}")


async def nothing(office: Office) -> None:
    """It can call nobody, reach no feature, not be called, and not read another phone's configuration."""
    for number in (FRIEND, "00445550123", "*97"):
        await _refused(office, number)
    claim(office.friend.incoming.empty(), "a phone without a user rang another one")
    try:
        talk = await office.friend.call(office.facts["device"], timeout=8)
    except load().CallFailed:
        pass
    else:
        await talk.call.hangup()
        raise NotHeldError("a phone without a user was called")
    other = "020000000bad"
    office.ask("phone.add", mac=other, vendor="ringwall")
    for path in (f"/phone/{other}.json", "/phone/", "/api/users"):
        status = await asyncio.to_thread(_status, office, path)
        claim(status in {401, 404}, f"{path} answered {status} to another phone's certificate")


async def login(office: Office) -> None:
    """A user logs in with extension and PIN (a wrong one does not), calls, and both hear each other."""
    told = await office.phone.key("login", extension=USER, pin="999999")
    claim(not told["done"], "a wrong PIN logs in")
    told = await office.phone.key("login", extension=USER, pin=PIN)
    claim(told["done"], f"the user cannot log in: {told['why']}")
    await office.phone.shows(lambda one: one["user"] and one["signed_in"], "it is the user's phone")
    await office.phone.key("tone", hertz=PHONE_HZ)
    await office.phone.key("dial", number=FRIEND)
    talk = await office.friend.taken()
    await office.phone.hears(FRIEND_HZ)
    calls = [one for one in office.ask("call.list") if one["caller"] == USER]
    claim(len(calls) == 1 and all(calls[0]["suites"]), f"the core says of the call: {calls}")
    await office.phone.key("hang-up")
    await office.phone.shows(lambda one: not one["calls"], "it is free")
    claim(talk is not None, "the friend heard of no call")


async def logout(office: Office) -> None:
    """The user logs out, and the phone can do nothing again."""
    told = await office.phone.key("logout")
    claim(told["done"], f"the user cannot log out: {told['why']}")
    await office.phone.shows(lambda one: one["user"] is None and one["signed_in"], "nobody is logged in")
    await _refused(office, FRIEND)


async def firmware(office: Office) -> None:
    """A new image comes by itself; one that was changed on the server is refused, and that is on record."""
    path = await asyncio.to_thread(office.publish, "1.1.0")
    office.ask("firmware.rollout", vendor=build.VENDOR, model=build.MODEL, stable=path)
    await office.phone.key("reload")
    await office.phone.shows(lambda one: one["version"] == "1.1.0" and one["signed_in"], "the new image", 60)
    path = await asyncio.to_thread(office.publish, "1.2.0")
    content = build.image_of("1.2.0")
    stored = office.layout.firmware / "images" / hashlib.sha256(content).hexdigest()
    stored.write_bytes(content.replace(b"SRTP or there is no call", b"SRTP or clear, no matter"))
    cursor = office.ask("status")["ledger_seq"]
    office.ask("firmware.rollout", vendor=build.VENDOR, model=build.MODEL, stable=path)
    await office.phone.key("reload")
    record = None
    for _ in range(100):
        records = office.ask("ledger.tail", after=cursor, limit=200)["records"]
        record = next((one["body"] for one in records if one["kind"] == "firmware.refused"), None)
        if record is not None:
            break
        await asyncio.sleep(0.1)
    claim(record is not None, "the ledger does not say that the phone refused the image")
    assert record is not None
    claim(record["reason"] == "changed", f"it was refused because it is {record['reason']}")
    shown = await office.phone.key("state")
    claim(shown["version"] == "1.1.0" and shown["signed_in"], "the phone did not go on with what it had")
    office.facts |= {"refused": record["reason"], "running": shown["version"]}


ACTS = (
    ("two of three people sign the root of trust, a phone is made with it", ceremony),
    ("a reference phone boots verified firmware and asks to be let in", boot),
    ("an administrator lets it in: it has a certificate of its own and no rights", let_in),
    ("it cannot call, be called, use a feature or read another phone's file", nothing),
    ("a user logs in at it, calls, both hear each other", login),
    ("the user logs out, and it can do nothing again", logout),
    ("new firmware comes by itself; a tampered image is refused and on record", firmware),
)


async def play(layout: Layout, settings: Settings, acts: list[Act], say: Any) -> dict[str, Any]:
    """Play the third act on a system of its own; returns what is worth telling."""
    people(layout)
    device = ask(layout, "device.add", {"extension": FRIEND, "label": "demonstration"})
    with tempfile.TemporaryDirectory(prefix="ringwall-room-") as name:
        phone = PluggedPhone(layout, settings, Path(name) / "phone")
        async with Phones(layout.ca_certificate, settings.address) as phones:
            friend = await phones.phone(Credentials.of(settings, device))
            friend.tone_hz = FRIEND_HZ
            await friend.register()
            office = Office(layout, settings, Desk(Path(name) / "stick"), phone, friend)
            try:
                await perform(office, ACTS, acts, say)
            finally:
                await asyncio.to_thread(phone.unplug)
            return office.facts


def people(layout: Layout) -> None:
    """Two users; one of them may log in at any phone."""
    ask(layout, "cos.telephony.add", {"cos": "Movers", "reassignment": True})
    ask(layout, "group.add", {"group": "movers", "name": "Movers", "telephony": "Movers"})
    for extension, name in ((USER, "Dana (demonstration)"), (FRIEND, "Emil (demonstration)")):
        ask(layout, "user.add", {"extension": extension, "name": name})
    ask(layout, "user.set", {"extension": USER, "group": "movers"})
    ask(layout, "user.pin.set", {"extension": USER, "pin": PIN, "must_change": False})


async def _refused(office: Office, number: str) -> None:
    """Dial what must not go through."""
    await office.phone.key("dial", number=number)
    shown = await office.phone.shows(lambda one: _is_over(one, number), f"{number} is refused", _REFUSED_S)
    if shown["calls"]:
        await office.phone.key("hang-up")
        raise NotHeldError(f"a phone without a user called {number}")
    claim(bool(shown["last_call"]["why"]), f"{number}: nobody said why not")


def _is_over(shown: dict[str, Any], number: str) -> bool:
    """Whether the call went through, or is over and it shows why."""
    if shown["calls"]:
        return bool(shown["calls"][0]["state"] == "talking")
    last = shown["last_call"]
    return bool(last and last["peer"] == number and last["why"])


def _status(office: Office, path: str) -> int:
    """What the server answers to the phone's own certificate."""
    settings = office.settings
    trust = ssl.create_default_context(cafile=str(office.layout.ca_certificate))
    trust.load_cert_chain(office.phone.identity)
    connection = http.client.HTTPSConnection(
        settings.address, settings.ports.phones, timeout=10, context=trust
    )
    try:
        connection.request("GET", path, headers={"User-Agent": "Ringwall reference 1.0.0"})
        return connection.getresponse().status
    finally:
        connection.close()

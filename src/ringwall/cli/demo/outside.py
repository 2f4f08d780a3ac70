"""The second act: calls that leave the house to a carrier, with a grant or not at all (C3, C6, A1).

It changes who may do what, so it is played on a system of its own, never on one that people use.
"""

import array
import asyncio
from dataclasses import dataclass, field
from typing import Any

from ringwall.cli.client import ask
from ringwall.cli.demo import carrier as carriers
from ringwall.cli.demo.carrier import Carrier
from ringwall.cli.demo.phones import Credentials, Phone, Phones, Talk, load
from ringwall.cli.demo.stage import Act, NotHeldError, claim, perform
from ringwall.cli.demo.tones import heard
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings

EXTENSION = "201"
ALLOWED = "0445550123"  # a Zurich number, dialled without the access code's 0
ABROAD = "00442079460123"
CODE = "4711815"
PHONE_HZ, CARRIER_HZ = 440.0, 620.0
_NEAR_HZ = 20
_LOUD = 1000  # of 32767
_SECOND = 16_000  # bytes


@dataclass(slots=True)
class House:
    """A system with one phone and one carrier."""

    layout: Layout
    settings: Settings
    phone: Phone
    carrier: Carrier
    carrier_port: int
    authority: str
    report: dict[str, Any] = field(default_factory=dict)

    def ask(self, operation: str, **arguments: Any) -> Any:
        """Ask the running core."""
        return ask(self.layout, operation, arguments)

    def record_of(self, kind: str) -> dict[str, Any] | None:
        """The newest record of a kind."""
        records = self.ask("ledger.tail", after=0, limit=500)["records"]
        return next((record["body"] for record in reversed(records) if record["kind"] == kind), None)


def allow(house: House) -> None:
    """What a telephony administrator does before the first outside call: docs/class-of-service.md."""
    house.ask("site.set", site="main", country="CH", area_codes=["44"], access_code="0", location="Desk 1")
    house.ask("trunk-group.add", trunk_group="pstn", name="PSTN", site="main")
    house.ask(
        "trunk.add",
        trunk="carrier-a",
        name="Carrier A",
        trunk_group="pstn",
        host=house.settings.address,
        port=house.carrier_port,
        certificate_name=carriers.NAME,
        authority=house.authority,
        caller_number="+41445550100",
        options_seconds=10,
    )
    house.ask("cos.call.add", cos="National", scope="national")
    house.ask("cos.call.add", cos="World", scope="international")
    house.ask("group.add", group="staff", name="Staff", call="National", trunk_groups=["pstn"])
    house.ask("group.set", group="authorization-codes", call="World", trunk_groups=["pstn"])
    house.ask("authcode.add", authcode="abroad", name="Abroad", code=CODE)
    house.ask("user.set", extension=EXTENSION, group="staff")


async def ready(house: House) -> None:
    """The trunk is up, over TLS, with the carrier's name checked; the phone has signed in."""
    allow(house)
    await house.phone.register()
    state: dict[str, Any] = {}
    for _ in range(100):
        found = [trunk for trunk in house.ask("status")["trunks"] if trunk["trunk"] == "carrier-a"]
        state = found[0] if found else {}
        if state.get("up"):
            return
        await asyncio.sleep(0.1)
    raise NotHeldError(f"the carrier is not reached: {state}")


async def allowed(house: House) -> None:
    """A call that the class of service allows: both sides hear each other, and the record keeps the grant."""
    talk = await house.phone.call(f"0{ALLOWED}")
    there = await asyncio.wait_for(house.carrier.calls.get(), 5)
    await _hears(talk, CARRIER_HZ, "the phone")
    await _hears(there, PHONE_HZ, "the carrier")
    await _hang_up(talk)
    record = house.record_of("call.ended")
    claim(record is not None and record.get("number") == "+41445550123", f"the record says {record}")
    claim(record is not None and bool(record.get("rule")), "the record has no rule")


async def denied(house: House) -> None:
    """A call abroad is refused with the reason, and the carrier never hears of it."""
    status, reason = await _refused(house, f"0{ABROAD}")
    claim(status == 403, f"the phone was told {status} {reason}")
    claim(house.carrier.calls.empty(), "the carrier got a call that was denied")
    record = house.record_of("call.denied")
    claim(record is not None and bool(record.get("rule")), f"the record of the denial says {record}")


async def with_code(house: House) -> None:
    """The same call asks for a code, and goes through with the right one; a wrong one opens nothing."""
    house.ask("group.set", group="staff", codes="forced")
    await _refused(house, f"*550000%230{ABROAD}")
    claim(house.carrier.calls.empty(), "the carrier got a call with a wrong code")
    talk = await house.phone.call(f"0{ABROAD}")
    await _spoken_to(talk)
    claim(house.carrier.calls.empty(), "the carrier got a call before a code was typed")
    await talk.call.send_dtmf(CODE + "#")
    there = await asyncio.wait_for(house.carrier.calls.get(), 5)
    await _hears(there, PHONE_HZ, "the carrier")
    await _hang_up(talk)
    record = house.record_of("call.ended")
    claim(record is not None and record.get("code") == "abroad", f"the record says {record}")
    claim(
        CODE not in str(house.ask("ledger.tail", after=0, limit=500)), "the ledger holds the digits of a code"
    )


async def reported(house: House) -> None:
    """The report shows the code, the call and its owner; the denied calls stand in theirs."""
    codes = house.ask("report.authcodes")
    denied_calls = house.ask("report.denied")
    house.report = {"authcodes": codes, "denied": denied_calls}
    claim("abroad" in str(codes), f"the report of codes says {codes}")
    claim(EXTENSION in str(denied_calls), f"the report of denied calls says {denied_calls}")
    verdict = house.ask("ledger.verify")
    claim(bool(verdict["ok"]), f"the ledger does not verify: {verdict}")


ACTS = (
    ("a trunk to a carrier is up, over TLS, its name checked", ready),
    ("an outside call that the class of service allows", allowed),
    ("a call abroad is denied, with the reason", denied),
    ("the same call with an authorization code, typed when the prompt asks for it", with_code),
    ("the reports, and the ledger is whole", reported),
)


async def play(layout: Layout, settings: Settings, acts: list[Act], say: Any) -> dict[str, Any]:
    """Play the second act on a system of its own; returns the reports."""
    port = carriers.free_port(settings.address)
    ask(layout, "user.add", {"extension": EXTENSION, "name": "Carla (demonstration)"})
    device = ask(layout, "device.add", {"extension": EXTENSION, "label": "demonstration"})
    with carriers.papers() as papers:
        async with Phones(layout.ca_certificate, settings.address, listen=(port, papers.file)) as phones:
            phone = await phones.phone(Credentials.of(settings, device))
            phone.tone_hz = PHONE_HZ
            carrier = await Carrier.make(phones.runtime, settings.address, port + 1, CARRIER_HZ)
            house = House(layout, settings, phone, carrier, port + 1, papers.authority)
            await perform(house, ACTS, acts, say)
            return house.report


async def _hears(talk: Talk, hertz: float, who: str) -> None:
    found: int | None = None
    for _ in range(20):
        await asyncio.sleep(0.2)
        found = heard(bytes(talk.heard))
        if found is not None and abs(found - hertz) <= _NEAR_HZ:
            return
    raise NotHeldError(f"{who} hears {found or 'no'} Hz instead of {hertz:.0f} Hz")


async def _spoken_to(talk: Talk) -> None:
    """Wait until something is heard: the prompt."""
    for _ in range(30):
        await asyncio.sleep(0.2)
        if any(abs(sample) > _LOUD for sample in array.array("h", bytes(talk.heard[-_SECOND:]))):
            return
    raise NotHeldError("the phone is asked for no code")


async def _hang_up(talk: Talk) -> None:
    await talk.call.hangup()
    for _ in range(30):
        if talk.closed:
            break
        await asyncio.sleep(0.1)
    await asyncio.sleep(0.3)  # the record is written in the next group commit


async def _refused(house: House, number: str) -> tuple[int, str]:
    """Dial a number that must not go through; returns the status and reason that the phone was told."""
    try:
        talk = await house.phone.call(number, timeout=8)
    except load().CallFailed as error:
        await asyncio.sleep(0.3)
        return int(getattr(error, "status", 0) or 0), str(error)
    await _hang_up(talk)
    raise NotHeldError(f"the call to {number} went through")

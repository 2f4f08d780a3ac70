"""The act of the supervisor: listens to a call, coaches in it and barges in; then may no more (C2).

Each party plays a tone of its own, so that what a phone hears says whom it hears. Played on a system of its
own, since it changes who may do what.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from ringwall.cli.client import ask
from ringwall.cli.demo.phones import Credentials, Phone, Phones, Talk, load
from ringwall.cli.demo.stage import Act, NotHeldError, claim, perform
from ringwall.cli.demo.tones import has
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings

AGENT, CUSTOMER, SUPERVISOR = "agent", "customer", "supervisor"
HERTZ: Final[Mapping[str, float]] = MappingProxyType({AGENT: 520.0, CUSTOMER: 710.0, SUPERVISOR: 930.0})
EXTENSIONS: Final = MappingProxyType({AGENT: "411", CUSTOMER: "412", SUPERVISOR: "413"})
_BOTH: Final = {SUPERVISOR: {AGENT, CUSTOMER}}
_HEARD: Final[Mapping[str, dict[str, set[str]]]] = MappingProxyType(
    {
        "": {AGENT: {CUSTOMER}, CUSTOMER: {AGENT}},
        "silent monitor": {**_BOTH, AGENT: {CUSTOMER}, CUSTOMER: {AGENT}},
        "silent coach": {**_BOTH, AGENT: {CUSTOMER, SUPERVISOR}, CUSTOMER: {AGENT}},
        "barge in": {**_BOTH, AGENT: {CUSTOMER, SUPERVISOR}, CUSTOMER: {AGENT, SUPERVISOR}},
    }
)
_CODE, _KEYS = "*17", {"silent coach": "5", "barge in": "6"}
_WARNING_HZ, _SOFT = 1400.0, 0.03
_PATIENCE: Final = 40  # looks, a fifth of a second apart


@dataclass(slots=True)
class Room:
    """Three people with phones, and what each of them hears."""

    layout: Layout
    phones: dict[str, Phone]
    since: int  # the last record of the ledger before
    talks: dict[str, Talk] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)

    def ask(self, operation: str, **arguments: Any) -> Any:
        """Ask the running core."""
        return ask(self.layout, operation, arguments)

    def heard(self) -> dict[str, set[str]]:
        """Whom each of those who talk hears now."""
        return {
            who: {other for other, hertz in HERTZ.items() if has(bytes(talk.heard), hertz)}
            for who, talk in self.talks.items()
            if not talk.closed
        }

    async def all_hear(self, mode: str) -> None:
        """Wait until everybody hears whom they are to hear, and nobody else."""
        for talk in self.talks.values():
            talk.forget()
        found: dict[str, set[str]] = {}
        for _ in range(_PATIENCE):
            await asyncio.sleep(0.2)
            found = self.heard()
            if found == _HEARD[mode]:
                return
        raise NotHeldError(f"they hear {_told(found)} instead of {_told(_HEARD[mode])}")


def _told(heard: Mapping[str, set[str]]) -> dict[str, str]:
    return {who: " and ".join(sorted(each)) or "nobody" for who, each in heard.items()}


async def talking(room: Room) -> None:
    """The agent and the customer talk."""
    room.talks[AGENT] = await room.phones[AGENT].call(EXTENSIONS[CUSTOMER])
    room.talks[CUSTOMER] = await room.phones[CUSTOMER].taken()
    await room.all_hear("")


async def monitored(room: Room) -> None:
    """The supervisor listens: heard by nobody, and the customer hears the warning tone."""
    room.talks[SUPERVISOR] = await room.phones[SUPERVISOR].call(_CODE + EXTENSIONS[AGENT])
    warned: set[str] = set()
    for _ in range(_PATIENCE):
        await asyncio.sleep(0.1)
        warned |= {w for w, t in room.talks.items() if has(bytes(t.heard), _WARNING_HZ, _SOFT)}
        if warned:
            break
    claim(warned == {CUSTOMER}, f"the warning tone is heard by {', '.join(sorted(warned)) or 'nobody'}")
    await room.all_hear("silent monitor")
    room.rows.append({"mode": "silent monitor", **_told(room.heard())})


async def moved(room: Room, mode: str) -> None:
    """The supervisor presses a key to go on in another mode."""
    await room.talks[SUPERVISOR].call.send_dtmf(_KEYS[mode])
    await room.all_hear(mode)
    room.rows.append({"mode": mode, **_told(room.heard())})


async def coached(room: Room) -> None:
    """The agent hears the supervisor as well, the customer does not."""
    await moved(room, "silent coach")


async def barged(room: Room) -> None:
    """All three hear one another."""
    await moved(room, "barge in")


async def left(room: Room) -> None:
    """The supervisor hangs up; the two talk on, and not by the media server."""
    talk = room.talks.pop(SUPERVISOR)
    await talk.call.hangup()
    joined = ""
    for _ in range(_PATIENCE):
        await asyncio.sleep(0.2)
        calls = [c for c in room.ask("call.list") if c["caller"] == EXTENSIONS[AGENT]]
        joined = calls[0]["joined"] if calls else "none"
        if joined == "relay":
            break
    claim(joined == "relay", f"the call is joined by {joined}")
    await room.all_hear("")


async def refused(room: Room) -> None:
    """The agent's class of service accepts it no more: it is refused, and the two hear nothing of it."""
    room.ask("cos.telephony.set", cos="Agents", accept_monitor=[])
    try:
        await room.phones[SUPERVISOR].call(_CODE + EXTENSIONS[AGENT])
    except load().CallFailed:
        pass
    else:
        raise NotHeldError("the supervisor listens although the agent's class of service does not accept it")
    await room.all_hear("")
    await room.talks[AGENT].call.hangup()


async def recorded(room: Room) -> None:
    """The ledger has who watched whom by which rule, and the denial."""
    wanted = {"watch.started": 1, "watch.moved": 2, "watch.ended": 1, "call.denied": 1}
    found: dict[str, int] = {}
    for _ in range(_PATIENCE):
        records = room.ask("ledger.tail", after=room.since, limit=1000)["records"]
        found = {kind: sum(record["kind"] == kind for record in records) for kind in wanted}
        if found == wanted:
            break
        await asyncio.sleep(0.1)
    claim(found == wanted, f"the ledger has {found}")


ACTS: Final = (
    ("an agent and a customer talk", talking),
    ("a supervisor listens: heard by nobody, and the customer is warned", monitored),
    ("the supervisor coaches: the agent alone hears it", coached),
    ("the supervisor barges in: all hear one another", barged),
    ("the supervisor leaves, and the two talk on", left),
    ("where the agent's side does not accept it the supervisor is refused", refused),
    ("the ledger has who watched whom", recorded),
)


async def play(layout: Layout, settings: Settings, acts: list[Act], say: Any) -> list[dict[str, Any]]:
    """Play it on a system of its own; returns whom each party heard in each mode."""

    def asked(operation: str, **arguments: Any) -> Any:
        return ask(layout, operation, arguments)

    asked("cos.telephony.add", cos="Agents", accept_monitor=["all"], accept_barge_in=["all"])
    asked("cos.telephony.add", cos="Supervisors", monitor=True, barge_in=True)
    for name in ("Agents", "Supervisors"):
        asked("group.add", group=name.lower(), name=name, telephony=name, call="Least privileged")
    async with Phones(layout.ca_certificate, settings.address) as phones:
        people: dict[str, Phone] = {}
        for who, extension in EXTENSIONS.items():
            asked("user.add", extension=extension, name=f"{who.capitalize()} (demonstration)")
            device = asked("device.add", extension=extension, label="demonstration")
            made = await phones.phone(Credentials.of(settings, device))
            made.tone_hz = HERTZ[who]
            await made.register()
            people[who] = made
        asked("user.set", extension=EXTENSIONS[AGENT], group="agents")
        asked("user.set", extension=EXTENSIONS[SUPERVISOR], group="supervisors")
        room = Room(layout, people, int(asked("status")["ledger_seq"]))
        await perform(room, ACTS, acts, say)
        return room.rows

"""The act of the conference: four people in one, each hears the other three; a fifth finds no place (C2).

Each phone plays a tone of its own, so that what a phone hears says whom it hears. Played on a system of its
own, since it changes who may do what.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from ringwall.cli.client import ask
from ringwall.cli.demo.phones import Credentials, Phone, Phones, Talk
from ringwall.cli.demo.stage import Act, claim, perform
from ringwall.cli.demo.tones import which
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings

EXTENSIONS: Final = ("421", "422", "423", "424")
FIFTH: Final = "425"
HERTZ: Final = (440.0, 620.0, 1000.0, 1330.0)
_CODE: Final = "*10"
_PATIENCE: Final = 60  # looks, a fifth of a second apart


@dataclass(slots=True)
class Table:
    """Four people with phones; the first one makes the conference."""

    layout: Layout
    phones: list[Phone]
    since: int  # the last record of the ledger before
    talks: list[Talk] = field(default_factory=list)  # as the phones

    def ask(self, operation: str, **arguments: Any) -> Any:
        """Ask the running core."""
        return ask(self.layout, operation, arguments)

    async def until(self, holds: Callable[[], bool], why: str) -> None:
        """Wait for something; raise NotHeldError with the reason."""
        for _ in range(_PATIENCE):
            if holds():
                return
            await asyncio.sleep(0.2)
        claim(holds(), why)

    async def all_hear_all(self) -> None:
        """Wait until each of those who are there hears all the others, and not themselves."""
        there = [(hertz, talk) for hertz, talk in zip(HERTZ, self.talks, strict=True) if not talk.closed]
        for _, talk in there:
            talk.forget()
        tones = {hertz for hertz, _ in there}
        for place, (hertz, talk) in enumerate(there):
            await self.until(
                lambda t=talk, h=hertz: which(bytes(t.heard), HERTZ) == tones - {h},  # type: ignore[misc]
                f"party {place + 1} of {len(there)} does not hear exactly the others",
            )


async def gathered(table: Table) -> None:
    """The first one calls the three others, and makes one conference of the calls."""
    first, *others = table.phones
    before, talks = [], []
    for other in others:
        before.append(await first.call(other.credentials.extension))
        talks.append(await other.taken())
    table.talks = [await first.call(_CODE), *talks]
    await table.until(lambda: all(talk.closed for talk in before), "the calls before are not over")
    await table.all_hear_all()


async def full(table: Table) -> None:
    """A fifth one is not let in: the class of service says four. The others hear one another as before."""
    refused = await table.phones[0].dial(_CODE + FIFTH)
    denials: list[Any] = []

    def denied() -> bool:
        found = table.ask("ledger.tail", after=table.since, limit=1000, kind="call.denied")["records"]
        denials[:] = [record["body"]["rule"] for record in found]
        return bool(denials) and refused.closed

    await table.until(denied, "nobody was refused")
    claim(denials == ["conference.full"], f"the rules that denied: {', '.join(denials)}")
    await table.all_hear_all()


async def left(table: Table) -> None:
    """Who made it leaves; the three others go on, and nobody stays behind when they hang up."""
    await table.talks[0].call.hangup()
    await table.until(lambda: table.talks[0].closed, "who made it has not left")
    await table.all_hear_all()
    await table.talks[1].call.hangup()
    await table.talks[2].call.hangup()
    await table.until(lambda: all(talk.closed for talk in table.talks), "somebody is left alone")
    await table.until(lambda: not table.ask("call.conference.list"), "the conference is still there")


ACTS: Final = (
    ("three calls become one conference of four, and each hears the other three", gathered),
    ("a fifth one finds no place, and hears why", full),
    ("who made it leaves, and the others go on", left),
)


async def play(layout: Layout, settings: Settings, acts: list[Act], say: Any) -> None:
    """Play it on a system of its own."""

    def asked(operation: str, **arguments: Any) -> Any:
        return ask(layout, operation, arguments)

    asked("cos.telephony.add", cos="Meetings", max_calls=4, max_conference_parties=4)
    asked("group.add", group="meetings", name="Meetings", telephony="Meetings", call="Least privileged")
    for extension in (*EXTENSIONS, FIFTH):
        name = f"Party {extension} (demonstration)"
        asked("user.add", extension=extension, name=name, group="meetings")
    async with Phones(layout.ca_certificate, settings.address) as phones:
        people = []
        for extension, hertz in zip(EXTENSIONS, HERTZ, strict=True):
            device = asked("device.add", extension=extension, label="demonstration")
            phone = await phones.phone(Credentials.of(settings, device))
            phone.tone_hz = hertz
            await phone.register()
            people.append(phone)
        await perform(Table(layout, people, int(asked("status")["ledger_seq"])), ACTS, acts, say)

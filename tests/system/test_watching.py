"""Who watches calls of others, with real phones: who hears whom, which tones, and what is left afterwards (C2).

Each party plays a tone of its own; what a phone hears is told by these, the warning tone (1400 Hz) and the
intrusion tone (440 Hz).
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import pytest
import pytest_asyncio

from ringwall.cli.demo.phones import Phone, Talk, load
from ringwall.cli.demo.tones import has
from system.running import System, until

pytestmark = pytest.mark.req("C2")

HERTZ = {"T": 520.0, "C": 710.0, "I": 930.0}
WARNING, INTRUSION = 1400.0, 440.0
CODES = {"monitor": "*17", "coach": "*12", "barge": "*16"}
KEYS = {"monitor": "4", "coach": "5", "barge": "6"}
HEARS = {
    "monitor": {"I": "TC", "T": "C", "C": "T"},
    "coach": {"I": "TC", "T": "CI", "C": "T"},
    "barge": {"I": "TC", "T": "CI", "C": "TI"},
}
RIGHTS = {
    "agents": {"accept_monitor": ["all"], "accept_barge_in": ["all"], "accept_record": ["all"]},
    "unwatched": {},
    "supervisors": {"monitor": True, "barge_in": True, "record_others": True},
    "listeners": {"monitor": True},
}


@pytest.fixture(scope="module", autouse=True)
def groups(system: System):
    for name, rights in RIGHTS.items():
        system.ask("cos.telephony.add", cos=name, **rights)
        system.ask("group.add", group=name, name=name, telephony=name, call="Least privileged")
    yield
    for user in system.ask("user.list"):
        if user["group"] in RIGHTS:
            system.ask("user.set", extension=user["extension"], group="least-privileged")
    for name in RIGHTS:
        system.ask("group.remove", group=name)
        system.ask("cos.telephony.remove", cos=name)


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def everything_runs(system: System):
    await system.ready()


@dataclass
class Three:
    """T and C talk; I has a phone."""

    system: System
    phones: dict[str, Phone]
    talks: dict[str, Talk]
    since: int

    def extension(self, who: str) -> str:
        return self.phones[who].credentials.extension

    async def watch(self, mode: str) -> Talk:
        self.talks["I"] = await self.phones["I"].call(CODES[mode] + self.extension("T"))
        return self.talks["I"]

    async def all_hear(self, wanted: dict[str, str]) -> None:
        for talk in self.talks.values():
            talk.forget()

        def right() -> bool:
            heard = {
                who: {other for other, hertz in HERTZ.items() if has(bytes(self.talks[who].heard), hertz)}
                for who in wanted
            }
            self.last = heard
            return heard == {who: set(each) for who, each in wanted.items()}

        try:
            await until(right, f"they hear {wanted}")
        except TimeoutError as error:
            raise TimeoutError(f"{error}, but {self.last}") from None

    def joined(self) -> str:
        [call] = [c for c in self.system.ask("call.list") if c["caller"] == self.extension("T")]
        return str(call["joined"])

    async def back_on_a_relay(self) -> None:
        await until(lambda: self.joined() == "relay", "the call is back on its relay")
        await self.all_hear({"T": "C", "C": "T"})

    async def hears_tone(self, who: str, hertz: float, seconds: float = 5) -> None:
        talk = self.talks[who]
        # A short and soft tone among voices.
        await until(lambda: has(bytes(talk.heard), hertz, 0.03), f"{who} hears {hertz:.0f} Hz", seconds)

    async def over(self, *who: str) -> None:
        talks = [self.talks[each] for each in who]
        await until(lambda: all(talk.closed for talk in talks), f"the calls of {who} are over")

    async def record(self, kind: str, **body: object) -> dict:
        return await self.system.record(self.since, kind, **body)


@pytest_asyncio.fixture(loop_scope="session")
async def three(system, desk_phones):
    made: list[Three] = []

    async def make(target: str = "agents", watcher: str = "supervisors") -> Three:
        phones = {who: await desk_phones(hertz=hertz) for who, hertz in HERTZ.items()}
        for who, group in (("T", target), ("C", "least-privileged"), ("I", watcher)):
            system.ask("user.set", extension=phones[who].credentials.extension, group=group)
        since = system.seq()
        ours = await phones["T"].call(phones["C"].credentials.extension)
        talks = {"T": ours, "C": await phones["C"].taken()}
        made.append(Three(system, phones, talks, since))
        await made[-1].all_hear({"T": "C", "C": "T"})
        return made[-1]

    yield make
    for each in made:
        for talk in each.talks.values():
            with suppress(load().StaleHandleError):  # it is over
                await talk.call.hangup()
        await each.over(*each.talks)


@pytest.mark.parametrize("mode", HEARS)
async def test_who_hears_whom_and_the_two_talk_on_afterwards(three, mode) -> None:
    people = await three()
    watcher = await people.watch(mode)
    await people.all_hear(HEARS[mode])
    assert people.joined() == "room"
    await watcher.call.hangup()
    await people.over("I")
    await people.back_on_a_relay()
    await people.record("watch.started", by=people.extension("I"), rule="pair.allowed")
    await people.record("watch.ended", by=people.extension("I"), why="the watcher left")


async def test_the_watcher_moves_through_the_modes_by_keys_and_both_are_warned_and_told(three) -> None:
    people = await three()
    watcher = await people.watch("monitor")
    await people.hears_tone("C", WARNING)
    assert not has(bytes(people.talks["T"].heard), WARNING, 0.03)
    for mode in ("coach", "barge", "monitor", "barge", "coach", "monitor"):
        for who in "TC":
            people.talks[who].forget()
        await watcher.call.send_dtmf(KEYS[mode])
        if mode == "barge":
            await asyncio.gather(*(people.hears_tone(who, INTRUSION) for who in "TC"))
        await people.all_hear(HEARS[mode])
        await people.record("watch.moved", mode={"barge": "barge in"}.get(mode, f"silent {mode}"))
    await people.talks["C"].call.hangup()
    await people.over("T", "C", "I")


@pytest.mark.parametrize("mode", HEARS)
@pytest.mark.parametrize(
    ("target", "watcher", "rule"),
    [
        ("unwatched", "supervisors", "pair.not-accepted"),
        ("agents", "agents", "feature.denied"),
    ],
)
async def test_who_may_not_is_refused_and_the_two_hear_nothing_of_it(
    three, mode, target, watcher, rule
) -> None:
    people = await three(target, watcher)
    with pytest.raises(load().CallFailed):
        await people.watch(mode)
    denied = await people.record("call.denied", rule=rule)
    assert (denied["caller"], denied["target"]) == (people.extension("I"), people.extension("T"))
    assert people.joined() == "relay"
    await people.all_hear({"T": "C", "C": "T"})


async def test_a_move_without_the_right_to_it_changes_nothing_and_is_heard_by_the_watcher(three) -> None:
    people = await three("agents", "listeners")
    watcher = await people.watch("coach")
    await people.all_hear(HEARS["coach"])
    watcher.forget()
    await watcher.call.send_dtmf(KEYS["barge"])
    await people.record("call.denied", action="barge in", rule="feature.denied")
    await people.all_hear(HEARS["coach"])


async def test_the_call_ends_for_all_when_the_one_whose_call_it_is_hangs_up(three) -> None:
    people = await three()
    await people.watch("barge")
    await people.all_hear(HEARS["barge"])
    await people.talks["T"].call.hangup()
    await people.over("T", "C", "I")
    await people.record("watch.ended", why="the call ended")


@pytest.mark.req("R1")
async def test_the_two_talk_on_when_the_media_server_is_killed_while_somebody_listens(system, three) -> None:
    people = await three()
    await people.watch("monitor")
    await people.all_hear(HEARS["monitor"])
    system.kill("media-1")
    await people.back_on_a_relay()
    await people.over("I")
    await system.ready()
    await people.all_hear({"T": "C", "C": "T"})
    again = await people.watch("coach")
    await people.all_hear(HEARS["coach"])
    await again.call.hangup()


@pytest.mark.req("R1")
async def test_the_two_talk_on_when_the_core_is_killed_while_somebody_listens(system, three) -> None:
    people = await three()
    await people.watch("monitor")
    await people.all_hear(HEARS["monitor"])
    system.kill("core")
    await people.all_hear({"T": "C", "C": "T"})
    await system.ready()
    await people.over("I")
    await people.back_on_a_relay()

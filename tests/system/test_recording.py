"""Calls that are recorded, with real phones: what is in the recording, and in whose mailbox (C2, V2)."""

import asyncio
import io
import wave

import pytest
import pytest_asyncio

from ringwall.cli.demo.phones import load
from ringwall.cli.demo.tones import has
from system.running import System, until
from system.test_http_api import client

pytestmark = pytest.mark.req("C2", "V2")

HERTZ = {"T": 520.0, "C": 710.0, "I": 930.0}
PIN = "58302746"
RIGHTS = {
    "recorded": {"record_own": True, "accept_record": ["all"], "accept_monitor": ["all"]},
    "recorders": {"record_others": True, "monitor": True},
}


@pytest.fixture(scope="module", autouse=True)
def groups(system: System):
    for name, rights in RIGHTS.items():
        system.ask("cos.telephony.add", cos=name, **rights)
        system.ask(
            "group.add",
            group=name,
            name=name,
            telephony=name,
            call="Least privileged",
            voice_mail="Least privileged",
        )
    yield
    for user in system.ask("user.list"):
        if user["group"] in RIGHTS:
            system.ask("user.set", extension=user["extension"], group="least-privileged")
    for name in RIGHTS:
        system.ask("group.remove", group=name)
        system.ask("cos.telephony.remove", cos=name)


@pytest_asyncio.fixture(loop_scope="session")
async def people(system, desk_phones):
    """T and C talk; I has a phone. Their phones and their talks, by letter."""
    await system.ready()
    phones = {who: await desk_phones(hertz=hertz) for who, hertz in HERTZ.items()}
    for who, group in (("T", "recorded"), ("I", "recorders")):
        extension = phones[who].credentials.extension
        system.ask("user.set", extension=extension, group=group)
        system.ask("user.pin.set", extension=extension, pin=PIN, must_change=False)
    ours = await phones["T"].call(phones["C"].credentials.extension)
    return phones, ours, await phones["C"].taken()


def extension(people, who: str) -> str:
    return str(people[0][who].credentials.extension)


async def over(*talks) -> None:
    await until(lambda: all(talk.closed for talk in talks), "the calls are over")


async def messages(system: System, owner: str, count: int) -> list[dict]:
    def found():
        with client(system) as api:
            token = api.post("/api/mailbox/tokens", json={"extension": owner, "pin": PIN}).json()["token"]
            api.headers["Authorization"] = f"Bearer {token}"
            there = api.get("/api/mailbox/messages").json()
            for message in there:
                answer = api.get(f"/api/mailbox/messages/{message['id']}/audio")
                assert answer.status_code == 200, answer.text
                with wave.open(io.BytesIO(answer.content)) as sound:
                    message["sound"] = sound.readframes(sound.getnframes())
            return there

    for _ in range(30):
        there = await asyncio.to_thread(found)
        if len(there) >= count:
            return there
        await asyncio.sleep(0.5)
    raise TimeoutError(f"{owner} has {len(there)} messages and not {count}")


def heard_in(sound: bytes, seconds: float) -> set[str]:
    """Whose tones are in the half second that ends there, from the end."""
    end = len(sound) - round(seconds * 16000)
    return {who for who, hertz in HERTZ.items() if has(sound[:end], hertz)}


async def test_a_supervisor_records_a_call_and_what_they_say_themselves_is_not_in_it(system, people) -> None:
    phones, ours, theirs = people
    since = system.seq()
    asked = await phones["I"].call("*13" + extension(people, "T"))
    await until(lambda: has(bytes(ours.heard), 1400.0, 0.03), "T is warned")
    await over(asked)
    listening = await phones["I"].call("*17" + extension(people, "T"))
    await asyncio.sleep(6)
    await listening.call.hangup()
    await over(listening)
    await ours.call.hangup()
    await over(ours, theirs)
    [message] = await messages(system, extension(people, "I"), 1)
    assert message["private"]
    assert message["seconds"] >= 6
    for seconds in (1.0, 2.0, 3.0):
        assert heard_in(message["sound"], seconds) == {"T", "C"}
    ended = await system.record(since, "recording.ended", by=extension(people, "I"))
    assert (ended["why"], ended["kept"]) == ("the call ended", True)


async def test_ones_own_call_is_recorded_from_a_second_line_and_not_while_it_is_on_hold(
    system, people
) -> None:
    phones, ours, theirs = people
    since = system.seq()
    await ours.call.hold()
    await asyncio.sleep(1)
    second = await phones["T"].call("*13")
    await over(second)
    await system.record(since, "recording.started", by=extension(people, "T"))
    await asyncio.sleep(3)
    await ours.call.resume()
    theirs.forget()
    await until(lambda: has(bytes(theirs.heard), HERTZ["T"]), "the hold is over")
    await asyncio.sleep(7)
    await ours.call.hangup()
    await over(ours, theirs)
    ended = await system.record(since, "recording.ended", by=extension(people, "T"))
    assert ended["kept"], ended
    [message] = await messages(system, extension(people, "T"), 1)
    assert 4 <= message["seconds"] <= 9, "what was on hold is not in it"
    assert heard_in(message["sound"], 1.0) == {"T", "C"}


@pytest.mark.req("R2")
@pytest.mark.parametrize("program", ["media-1", "core"])
async def test_what_was_recorded_is_kept_when_a_process_is_killed(system, people, program) -> None:
    phones, ours, theirs = people
    asked = await phones["I"].call("*13" + extension(people, "T"))
    await over(asked)
    await asyncio.sleep(5)
    system.kill(program)
    await system.ready()
    assert not ours.closed
    assert not theirs.closed
    await asyncio.sleep(3)
    await ours.call.hangup()
    await over(ours, theirs)
    [message] = await messages(system, extension(people, "I"), 1)
    assert message["seconds"] >= 3
    assert heard_in(message["sound"], 0.0 if program == "media-1" else 1.0) == {"T", "C"}


async def test_who_may_not_records_nothing(system, people) -> None:
    phones, ours, theirs = people
    since = system.seq()
    with pytest.raises(load().CallFailed, match="403"):
        await phones["C"].call("*13")
    denied = await system.record(since, "call.denied", caller=extension(people, "C"))
    assert denied["action"] == "record own"
    await ours.call.hangup()
    await over(ours, theirs)


async def test_a_supervisor_is_called_when_an_administrator_asks_for_it(system, people) -> None:
    phones, ours, theirs = people
    of, by = extension(people, "T"), extension(people, "I")
    done = await asyncio.to_thread(system.command, "call", "monitor", of, "--by", by)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"The phones of {by} ring.\n"
    talk = await phones["I"].taken()
    await until(lambda: has(bytes(talk.heard), HERTZ["T"]) and has(bytes(talk.heard), HERTZ["C"]), "I hears")
    [call] = [call for call in system.ask("call.list") if call["watched_by"] == by]
    assert call["joined"] == "room"
    done = await asyncio.to_thread(system.command, "call", "leave", of)
    assert done.returncode == 0, done.stderr
    await over(talk)
    await ours.call.hangup()
    await over(ours, theirs)

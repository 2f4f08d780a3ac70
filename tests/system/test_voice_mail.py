"""Voice mail with real phones: what is said into it comes out of it, for its owner and nobody else (V1, V2)."""

import asyncio
import io
import random
import wave
from contextlib import closing

import pytest
import pytest_asyncio

from ringwall.cli.demo.tones import heard
from ringwall.cli.demo.wiretap import TONES
from system.descriptions import good
from system.mailbox import PIN, Mailbox, leave, over, press, signed_in, wav_tone
from system.running import until
from system.test_http_api import client

SPOKEN = TONES[0]
_DTMF = "application/dtmf-relay"


@pytest.fixture(autouse=True)
async def media_server(system):
    await system.ready()


@pytest_asyncio.fixture(loop_scope="session")
async def mailbox(system, person, connect):
    async def make() -> Mailbox:
        account = person("Owner")
        system.ask("user.pin.set", extension=account.extension, pin=PIN, must_change=False)
        system.ask("voicemail.set", extension=account.extension, takes_calls=True)
        made = Mailbox(system, account, await connect(system.device(account.extension)))
        await made.lit("0/0")
        return made

    return make


@pytest.mark.req("V2")
async def test_a_missed_call_becomes_a_message_that_its_owner_hears(system, desk_phones, mailbox) -> None:
    owner = await mailbox()
    caller = await desk_phones(hertz=SPOKEN)
    phone = await desk_phones(system.device(owner.extension), answers=False)
    before = system.seq()
    talk = await leave(caller, owner.extension, 4.0)
    await over(talk)
    record = await system.record(before, "voicemail.message_left", mailbox=owner.extension)
    assert record["sender"] == caller.credentials.extension
    assert 3 < record["seconds"] < 8
    await owner.lit("1/0")
    listening = await phone.call("*98")
    await press(listening, f"{PIN}#1")
    await until(lambda: heard(bytes(listening.heard)) == SPOKEN, "the owner hears what was said", 30)
    await press(listening, "7")
    await owner.lit("0/0")
    await press(listening, "##")
    await over(listening)
    shown = owner.shown()
    assert (shown["new"], shown["saved"], shown["deleted"]) == (0, 0, 1)


@pytest.mark.req("V2")
async def test_an_owner_downloads_their_message_and_an_administrator_does_not(
    system, desk_phones, mailbox
) -> None:
    owner = await mailbox()
    caller = await desk_phones(hertz=SPOKEN)
    talk = await leave(caller, owner.extension)
    await over(talk)
    await owner.lit("1/0")

    def download():
        with closing(signed_in(system, owner.extension)) as api:
            [message] = api.get("/api/mailbox/messages").json()
            return message, api.get(f"/api/mailbox/messages/{message['id']}/audio")

    message, answer = await asyncio.to_thread(download)
    assert message["sender"] == caller.credentials.extension
    assert answer.headers["content-type"] == "audio/wav"
    assert wav_tone(answer.content) == SPOKEN
    with client(system) as api:
        token = api.post("/api/tokens", json={"name": "admin", "password": system.told["password"]})
        api.headers["Authorization"] = f"Bearer {token.json()['token']}"
        refused = api.get(f"/api/mailbox/messages/{message['id']}/audio")
    assert refused.status_code == 401
    # On the disk there is nothing that could be heard.
    files = [path for path in system.layout.recordings.iterdir() if path.is_file()]
    assert files
    assert all(path.read_bytes().startswith(b"RWSEALED") for path in files)


@pytest.mark.req("V2", "C4")
async def test_a_full_mailbox_tells_its_callers(system, desk_phones, mailbox) -> None:
    owner = await mailbox()
    system.ask("cos.voice-mail.add", cos="Small", max_messages=1)
    group = system.ask("user.show", extension=owner.extension)["group"]
    shown = system.ask("group.show", group=group)
    wanted = {name: shown[name] for name in ("telephony", "call")}
    system.ask("group.add", group="small", name="Small", voice_mail="Small", **wanted)
    try:
        system.ask("user.set", extension=owner.extension, group="small")
        caller = await desk_phones(hertz=SPOKEN)
        await over(await leave(caller, owner.extension))
        await owner.lit("1/0")
        before = system.seq()
        talk = await caller.call(owner.extension, timeout=30)
        await asyncio.sleep(1)
        await press(talk, "#")
        await system.record(before, "voicemail.mailbox_full", mailbox=owner.extension)
        await over(talk)
        assert owner.shown()["new"] == 1
    finally:
        system.ask("user.set", extension=owner.extension, group=group)
        system.ask("group.remove", group="small")
        system.ask("cos.voice-mail.remove", cos="Small")


@pytest.mark.req("V2")
async def test_guessing_locks_the_mailbox_and_messages_can_still_be_left(
    system, desk_phones, mailbox
) -> None:
    owner = await mailbox()
    guesser = await desk_phones(hertz=SPOKEN)
    before = system.seq()

    def guess() -> set[int]:
        tries = ({"extension": owner.extension, "pin": f"73915{number}"} for number in range(7))
        with client(system) as api:
            return {api.post("/api/mailbox/tokens", json=one).status_code for one in tries}

    assert await asyncio.to_thread(guess) == {401}
    talk = await guesser.call("*97")
    for number in range(3):
        await press(talk, f"{owner.extension}#")
        await asyncio.sleep(0.3)
        await press(talk, f"62845{number}#")
        await asyncio.sleep(0.8)
    await over(talk)
    await system.record(before, "security.pins_guessed", known=True)
    assert system.ask("user.pin.show", extension=owner.extension)["locked_until"]
    with client(system) as api:
        right = api.post("/api/mailbox/tokens", json={"extension": owner.extension, "pin": PIN})
    assert right.status_code == 429
    await over(await leave(guesser, owner.extension))
    await owner.lit("1/0")


@pytest.mark.req("V2")
async def test_a_message_is_forwarded_with_an_introduction(system, desk_phones, mailbox) -> None:
    owner, other = await mailbox(), await mailbox()
    caller = await desk_phones(hertz=SPOKEN)
    await over(await leave(caller, owner.extension))
    await owner.lit("1/0")
    phone = await desk_phones(system.device(owner.extension), hertz=TONES[1])
    talk = await phone.call("*98")
    await press(talk, f"{PIN}#1")
    await until(lambda: heard(bytes(talk.heard)) == SPOKEN, "the message is heard", 30)
    before = system.seq()
    await press(talk, "81")  # forward, with an introduction
    await asyncio.sleep(1)
    await press(talk, f"{other.extension}#1")
    await asyncio.sleep(2)
    await press(talk, "#")  # the instruction is skipped
    await asyncio.sleep(5)
    await press(talk, "#1")
    sent = await system.record(before, "voicemail.message_sent", sender=owner.extension)
    assert (sent["mailboxes"], sent["full"]) == (1, [])
    await other.lit("1/0")
    await press(talk, "##")
    await over(talk)

    def download():
        with closing(signed_in(system, other.extension)) as api:
            [message] = api.get("/api/mailbox/messages").json()
            return message, api.get(f"/api/mailbox/messages/{message['id']}/audio").content

    message, content = await asyncio.to_thread(download)
    assert message["sender"] == owner.extension
    with wave.open(io.BytesIO(content)) as file:
        samples = file.readframes(file.getnframes())
    tones = {heard(samples[: at + 16000]) for at in range(0, len(samples) - 16000, 8000)}
    assert {SPOKEN, TONES[1]} <= tones


@pytest.mark.req("V2", "C4")
async def test_somebody_is_called_because_of_an_unheard_message_and_hears_it_with_the_pin(
    system, desk_phones, mailbox
) -> None:
    owner = await mailbox()
    caller, other = await desk_phones(hertz=SPOKEN), await desk_phones(hertz=TONES[1])
    steps = [{"to": other.credentials.extension, "seconds": 60}]
    system.ask("voicemail.profile.set", extension=owner.extension, number=1, steps=steps)
    system.ask("voicemail.set", extension=owner.extension, profiles={"standard": 1})
    before = system.seq()
    await over(await leave(caller, owner.extension))
    told = await other.taken(20)
    await system.record(before, "voicemail.told", mailbox=owner.extension, how="call")
    await asyncio.sleep(1)
    await press(told, "1")
    await asyncio.sleep(0.5)
    await press(told, f"{PIN}#1")
    await until(lambda: heard(bytes(told.heard)) == SPOKEN, "the message is heard", 30)
    await press(told, "##")
    await over(told)
    await owner.lit("0/1")


# Crashes


async def recorded(system, after: int, kind: str, **body) -> dict:
    """Wait for a record for longer than other tests do: what a crash left is looked for once a minute."""

    def find():
        found = (one["body"] for one in system.records(after, kind))
        return next((one for one in found if body.items() <= one.items()), None)

    return await until(find, f"a record {kind}", 90)


@pytest.mark.req("R2")
@pytest.mark.parametrize("program", ["media-1", "core"])
async def test_what_was_said_before_a_part_of_the_system_was_killed_is_there(
    system, desk_phones, mailbox, program
) -> None:
    owner = await mailbox()
    caller = await desk_phones(hertz=SPOKEN)
    talk = await caller.call(owner.extension, timeout=30)
    await asyncio.sleep(1.0)
    await press(talk, "#")
    await asyncio.sleep(6.0)
    before = system.seq()
    system.kill(program)
    await system.ready()
    record = await recorded(system, before, "voicemail.message_left", mailbox=owner.extension)
    assert record["seconds"] >= 3

    def download():
        with closing(signed_in(system, owner.extension)) as api:
            [message] = api.get("/api/mailbox/messages").json()
            return api.get(f"/api/mailbox/messages/{message['id']}/audio").content

    assert wav_tone(await asyncio.to_thread(download)) == SPOKEN
    if not talk.closed:
        await talk.call.hangup()
    await over(talk)


# No way out


@pytest.mark.req("V1")
async def test_some_hundreds_of_key_sequences_through_the_real_engines_lead_nowhere(
    system, connect, mailbox
) -> None:
    """Keys come by INFO, which the system takes as it takes those of the voice path."""
    owner, other = await mailbox(), await mailbox()
    system.ask("voicemail.set", extension=owner.extension, always=True)
    phones = [await connect(source=f"127.6.6.{number}") for number in range(1, 11)]
    chooser = random.Random(20261127)
    before = system.seq()

    async def session(phone, number: int) -> None:
        to = owner.extension if number % 3 == 0 else "*97"
        call = await phone.call(to, good())
        pressed = "".join(chooser.choice("0123456789*#") for _ in range(25))
        if number % 3 == 1:
            pressed = f"{owner.extension}#{PIN}#" + pressed
        if number % 3 == 2:
            pressed = chooser.choice(["914085550123#", "*98", f"{other.extension}#", "0", "9011"]) + pressed
        for key in pressed:
            answer = await call.ask("INFO", f"Signal={key}\r\nDuration=100\r\n".encode(), _DTMF).final()
            if answer.status != 200:
                assert answer.status in {481, 487, 408}, answer.status
                return
            await asyncio.sleep(0.02)
        await call.hang_up()

    async def sessions(phone, numbers) -> None:
        for number in numbers:
            await session(phone, number)

    await asyncio.gather(*(sessions(phone, range(at, 300, len(phones))) for at, phone in enumerate(phones)))
    await until(lambda: not system.ask("call.list"), "every call is over", 30)
    system.ask("user.remove", extension=system.user())  # what was queued before is on the disk then
    records = []
    while found := system.records(records[-1]["seq"] if records else before):
        records += found
    ended = [one["body"] for one in records if one["kind"] == "call.ended"]
    assert len(ended) == 300
    assert {body["direction"] for body in ended} == {"inside"}
    assert all(not body.get("callee") for body in ended), "somebody was called"
    kinds = {one["kind"] for one in records}
    assert not {"call.denied", "system.menu_failed", "call.forwarded"} & kinds, kinds
    assert "voicemail.opened" in kinds
    assert not any(phone.came_already("INVITE") for phone in [*phones, owner.lamp, other.lamp])

"""Voice mail with real phones: what is said into it comes out of it, for its owner and nobody else (V1, V2)."""

import asyncio
import re

import pytest
import pytest_asyncio

from ringwall.cli.demo.tones import heard
from ringwall.cli.demo.wiretap import TONES
from system.running import until

PIN = "58302746"
SPOKEN = TONES[0]


@pytest.fixture(autouse=True)
async def media_server(system):
    await system.ready()


class Mailbox:
    """A user with a PIN, a phone that only shows the lamp, and whatever else a test signs in."""

    def __init__(self, system, account, lamp) -> None:
        self.system, self.account, self.lamp = system, account, lamp
        self.extension = account.extension

    def shown(self) -> dict:
        return self.system.ask("voicemail.show", extension=self.extension)

    async def lit(self, counts: str, seconds: float = 15) -> None:
        """Wait until the lamp's phone was told of so many messages, such as 1/0."""
        async with asyncio.timeout(seconds):
            while True:
                key, request = await self.lamp.came("NOTIFY", seconds)
                self.lamp.respond(key, request.response(200, to_tag="lamp"))
                assert request.headers.get("event") == "message-summary"
                told = re.search(rb"Voice-Message: (\S+)", request.body)
                if told and told[1].decode() == counts:
                    return


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


async def press(talk, keys: str) -> None:
    await talk.call.send_dtmf(keys)


async def silent_for(talk, seconds: float) -> None:
    """Wait until the party has heard nothing for a while: the prompt is over."""
    talk.forget()
    await asyncio.sleep(seconds)


async def leave(caller, extension: str, seconds: float = 3.0, keys: str = "1"):
    """Call, skip the greeting, speak for a while, and press keys in the review."""
    talk = await caller.call(extension, timeout=30)
    await asyncio.sleep(1.0)
    await press(talk, "#")
    await asyncio.sleep(1.0 + seconds)
    await press(talk, f"#{keys}")
    return talk


async def over(*talks) -> None:
    await until(lambda: all(talk.closed for talk in talks), "the call is over", 30)


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

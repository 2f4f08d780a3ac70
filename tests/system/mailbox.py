"""A mailbox as the tests with real phones see it: its lamp, leaving a message by keys, its owner at the API."""

import asyncio
import io
import re
import wave

from ringwall.cli.demo.tones import heard
from system.running import until
from system.test_http_api import client

PIN = "58302746"


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


async def press(talk, keys: str) -> None:
    await talk.call.send_dtmf(keys)


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


def wav_tone(content: bytes) -> int | None:
    """The tone in the midst of a WAV file."""
    with wave.open(io.BytesIO(content)) as file:
        samples = file.readframes(file.getnframes())
    middle = len(samples) // 4 * 2
    return heard(samples[:middle])


def signed_in(system, extension: str, pin: str = PIN):
    api = client(system)
    answer = api.post("/api/mailbox/tokens", json={"extension": extension, "pin": pin})
    assert answer.status_code == 201, answer.text
    api.headers["Authorization"] = f"Bearer {answer.json()['token']}"
    return api

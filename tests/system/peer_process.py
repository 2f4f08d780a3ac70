"""Run as a program: a carrier in baresip that does what lines of JSON on standard input say.

Arguments: address, port (TLS is on the next one), file of certificate and key, file of the authority of the other
side. Each line gets one line of answer. It ends with its input.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from ringwall.cli.demo.carrier import Carrier
from ringwall.cli.demo.phones import Phones, Talk, load
from ringwall.cli.demo.tones import heard

HERTZ = 620.0
_SECONDS = 10.0


class Driver:
    """Does one thing after the other with the call that it has."""

    def __init__(self, agent: Any) -> None:
        self._agent = agent
        self._carrier = Carrier(agent, HERTZ)
        self._talk: Talk | None = None
        self._playing: asyncio.Task[None] | None = None

    @property
    def talk(self) -> Talk:
        if self._talk is None:
            raise LookupError("there is no call")
        return self._talk

    async def do(self, word: str, more: dict[str, Any]) -> dict[str, Any]:
        if word == "take":
            self._talk = await asyncio.wait_for(self._carrier.calls.get(), _SECONDS)
        elif word == "dial":
            self._talk = Talk(await self._agent.dial(more["uri"], more.get("headers")), lambda: HERTZ)
            self._playing = asyncio.get_running_loop().create_task(self._talk.play())
            await self.talk.call.wait_established(_SECONDS)
        elif word == "hang up":
            await self.talk.call.hangup()
        elif word == "hold":
            await self.talk.call.hold()
        elif word == "resume":
            await self.talk.call.resume()
        elif word == "forget":
            self.talk.forget()
        elif word != "look":
            raise ValueError(word)
        return self.facts()

    def facts(self) -> dict[str, Any]:
        talk = self._talk
        facts: dict[str, Any] = {"waiting": self._carrier.calls.qsize()}
        if talk is not None:
            facts |= {
                "peer": str(talk.call.peer),
                "closed": talk.closed,
                "held": talk.call.remote_on_hold,
                "hears": heard(bytes(talk.heard)),
            }
        return facts


def say(told: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


async def main(address: str, port: int, certificate: Path, authority: Path) -> None:
    async with Phones(authority, address, listen=(port, certificate)) as phones:
        account = load().Account(
            user="carrier",
            domain=f"{address}:{port + 1}",
            password="",
            reg_interval=0,
            transport="tls",
            audio_codecs=("pcmu",),
            extra_params=("mediaenc=srtp-mand", "catchall=yes"),
        )
        driver = Driver(await load().UserAgent.create(phones.runtime, account))
        say({"ready": True})
        while line := await asyncio.to_thread(sys.stdin.readline):
            asked = json.loads(line)
            try:
                say(await driver.do(asked.pop("do"), asked))
            except Exception as error:  # noqa: BLE001 - whatever it is, the test has to hear of it
                say({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])))

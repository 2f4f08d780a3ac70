"""The acts about voice mail: a missed call, the lamp, and the owner who listens by keys (V2)."""

import asyncio

from ringwall.cli.demo.lamp import Lamp
from ringwall.cli.demo.phones import Credentials, PhoneError, Talk
from ringwall.cli.demo.stage import Stage, claim
from ringwall.cli.demo.tones import heard
from ringwall.cli.demo.wiretap import TONES
from ringwall.core.pins.rules import random_pin

_SPOKEN_SECONDS = 4.0
_NEAR_HZ = 20


async def missed(stage: Stage) -> None:
    """The called phone declines; the caller leaves a message, and the lamp of the called one lights."""
    anna, ben = stage.anna, stage.ben
    assert anna is not None
    assert ben is not None
    extension = ben.credentials.extension
    stage.pin = random_pin(extension)
    stage.ask("user.pin.set", extension=extension, pin=stage.pin, must_change=False)
    device = stage.ask("device.add", extension=extension, label="lamp")
    lamp = Credentials.of(stage.settings, device)
    stage.lamp = await Lamp.sign_in(lamp, stage.layout.ca_certificate)
    claim(await stage.lamp.shows(0), "the lamp was told nothing when it signed in")
    ben.answers = False
    talk = await anna.dial(extension)
    ringing = await ben.taken()
    await ringing.call.reject()
    try:
        await talk.call.wait_established(15.0)
    except Exception as error:
        raise PhoneError(f"the mailbox does not answer: {error}") from error
    await asyncio.sleep(1.0)
    await talk.call.send_dtmf("#")  # the greeting is skipped
    await asyncio.sleep(1.0 + _SPOKEN_SECONDS)
    await talk.call.send_dtmf("#1")  # the message is over, and sent
    await _over(talk)
    claim(await stage.lamp.shows(1), "the lamp does not light")


async def listened(stage: Stage) -> None:
    """The owner types the PIN, hears what was said, and deletes it; the lamp goes out."""
    ben, lamp = stage.ben, stage.lamp
    assert ben is not None
    assert lamp is not None
    talk = await ben.call("*98")
    await talk.call.send_dtmf(f"{stage.pin}#1")
    found: int | None = None
    for _ in range(100):
        found = heard(bytes(talk.heard))
        if found is not None and abs(found - TONES[0]) <= _NEAR_HZ:
            break
        await asyncio.sleep(0.25)
    else:
        claim(False, f"the owner hears {found or 'no'} Hz instead of {TONES[0]:.0f} Hz")
    await talk.call.send_dtmf("7")
    claim(await lamp.shows(0), "the lamp does not go out")
    await talk.call.send_dtmf("##")
    await _over(talk)


async def _over(talk: Talk) -> None:
    for _ in range(150):
        if talk.closed:
            return
        await asyncio.sleep(0.1)
    claim(False, "voice mail does not hang up")

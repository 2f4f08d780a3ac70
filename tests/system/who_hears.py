"""Several people, each with a tone of their own, and who hears whom of them."""

from collections.abc import Iterable
from contextlib import suppress

from ringwall.cli.demo.phones import Talk, load
from ringwall.cli.demo.tones import which
from system.descriptions import good
from system.raw_phone import RawPhone
from system.running import System, until
from system.srtp import MediaPort

HERTZ = (440.0, 620.0, 1130.0, 1490.0)
"""Tones of which none is a harmonic of another, nor a part of a tone of the system."""

Ear = Talk | MediaPort


def hears(ear: Ear, among: Iterable[float] = HERTZ) -> set[float]:
    """Whose tones somebody hears."""
    return which(ear.sound if isinstance(ear, MediaPort) else bytes(ear.heard), among)


async def all_hear(
    expected: dict[Ear, set[float]], what: str, seconds: float = 10, *, among: Iterable[float] = HERTZ
) -> None:
    """Wait until each hears exactly these."""

    def as_it_should() -> bool:
        return all(hears(ear, among) == tones for ear, tones in expected.items())

    for ear in expected:
        ear.forget()
    try:
        await until(as_it_should, what, seconds)
    except TimeoutError:
        raise TimeoutError(
            f"{what}: {[(hears(ear, among), tones) for ear, tones in expected.items()]}"
        ) from None


def call_of(system: System, extension: str) -> dict[str, object]:
    """The one call in which an extension is."""
    found = [call for call in system.ask("call.list") if extension in (call["caller"], call["callee"])]
    assert len(found) == 1, found
    return dict(found[0])


async def hang_up(*talks: Talk) -> None:
    """Hang calls up, and wait until all of them are over."""
    for talk in talks:
        with suppress(load().StaleHandleError):  # the other end was quicker
            if not talk.closed:
                await talk.call.hangup()
    await until(lambda: all(talk.closed for talk in talks), "all phones are free")


async def no_leg(system: System) -> None:
    """Wait until nothing is left at the media server."""
    await until(lambda: system.ask("status")["media"][0]["legs"] == 0, "no leg is left")


async def status_of(phone: RawPhone, dialled: str) -> int:
    """With which status a call is answered in the end."""
    return (await phone.invite(dialled, good()).final()).status

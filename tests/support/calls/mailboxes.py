"""Mailboxes that take recordings of calls without any disk, and what tests ask of calls of two."""

from dataclasses import dataclass

from ringwall.core.errors import CoreError
from ringwall.core.voicemail.bounds import NoRoom


@dataclass
class File:
    name: str


@dataclass
class Draft:
    extension: str
    number: str
    name: str
    most: float
    recording: File
    key: bytes = b"k" * 32
    seconds: float = 0.0


class Mailboxes:
    """What voice mail does with recordings, without any disk."""

    def __init__(self) -> None:
        self.begun: list[Draft] = []
        self.kept: list[Draft] = []
        self.gone: list[Draft] = []
        self.full = self.broken = False
        self.most = 300.0

    async def begin(self, extension, number, name):
        if self.full:
            raise NoRoom("full", f"The mailbox {extension} is full.")
        draft = Draft(f"m{extension}", number, name, self.most, File(f"vm-{len(self.begun)}"))
        self.begun.append(draft)
        return draft

    async def finish(self, draft):
        if self.broken:
            raise CoreError("The disk is away.")
        self.kept.append(draft)
        return draft

    async def discard(self, draft):
        self.gone.append(draft)


def the_call(world):
    [call] = [call for call in world.switch.calls.values() if call.callee is not None]
    return call


def hears(world) -> dict[str, set[str]]:
    """Whom each party at the media server hears, by extension."""
    legs = {leg.tag: leg for call in world.switch.calls.values() for leg in call.legs() if leg.media}
    return {
        leg.extension: {legs[each].extension for each in world.media_server.hears(tag)}
        for tag, leg in legs.items()
    }

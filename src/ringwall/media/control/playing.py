"""Players as the core asks for them."""

from collections.abc import Callable
from functools import partial

import numpy as np

from ringwall.media import tones
from ringwall.media.control import requests as ask
from ringwall.media.control.owners import Owner, target_of
from ringwall.media.control.recording_files import RecordingFiles
from ringwall.media.engine import Engine
from ringwall.media.errors import MediaError
from ringwall.media.g711 import RATE
from ringwall.media.legs import Leg
from ringwall.media.players import Player
from ringwall.media.prompts import Prompts
from ringwall.media.rooms import Room
from ringwall.media.sound import Loop, PromptSound, RecordingSound, Source

MOST_PLAYERS = 500
_SILENCE = np.zeros(RATE, np.int16)

Made = tuple[Callable[[], Source], float | None]
"""What makes a source, and its length in seconds, None when it has no end."""


class Playing:
    """Makes and ends players."""

    def __init__(self, engine: Engine, prompts: Prompts, recordings: RecordingFiles) -> None:
        self._engine = engine
        self._prompts = prompts
        self._recordings = recordings

    def play(self, owner: Owner, request: ask.Play) -> dict[str, float | None]:
        """Begin a player and return its length; the same request again only returns it."""
        made = [self._item(item) for item in request.items]
        lengths = [seconds for _, seconds in made if seconds is not None]
        endless = request.loop or len(lengths) < len(made)
        answer = {"seconds": None if endless else round(sum(lengths), 3)}
        known = owner.players.get(request.player)
        if known is not None:
            if known.asked != request:
                raise MediaError(f"The player {request.player} plays something else.", code="exists")
            return answer
        self.begin(
            owner,
            request.player,
            target_of(owner, request.leg, request.room),
            [make for make, _ in made],
            asked=request,
            only=request.only,
            loop=request.loop,
            gain=request.gain,
        )
        return answer

    def begin(
        self,
        owner: Owner,
        name: str,
        target: Leg | Room,
        items: list[Callable[[], Source]],
        *,
        asked: object = None,
        only: list[str] | None = None,
        loop: bool = False,
        gain: float = 1.0,
        quiet: bool = False,
    ) -> Player:
        """Begin a player; ``quiet`` when the owner is not told of its end."""
        if len(self._engine.players) >= MOST_PLAYERS:
            raise MediaError(f"There are {MOST_PLAYERS} players here already.", code="full")
        hearers = None
        if only is not None:
            if isinstance(target, Leg):
                raise MediaError("only: is for players of a room.", code="syntax")
            hearers = [_leg_in(target, leg) for leg in only]

        def ended(player: Player, reason: str) -> None:
            self._engine.players.discard(player)
            if owner.players.get(name) is player:
                del owner.players[name]
            if not quiet:
                event: dict[str, object] = {"event": "played", "player": name, "reason": reason}
                event["seconds"] = round(player.seconds, 3)
                owner.tell(event | ({"why": player.why} if player.why else {}))

        player = Player(
            name, target, items, asked=asked, only=hearers, loop=loop, gain=gain, ended=ended
        )  # fmt: skip
        self._engine.players.add(player)
        if not quiet:
            owner.players[name] = player
        return player

    def stop(self, owner: Owner, name: str) -> dict[str, float]:
        """End a player; one that is not there has ended."""
        player = owner.players.get(name)
        if player is not None:
            player.stop("stopped")
        return {}

    def tone(self, name: str, country: str, seconds: float) -> Made:
        """Return what makes a tone."""
        cadence = tones.cadence(name, country)
        samples = tones.samples(cadence)
        if cadence.once:
            length = len(samples) / RATE
            left = len(samples) if not seconds else min(len(samples), round(seconds * RATE))
            return partial(Loop, samples, left), min(length, seconds or length)
        if not seconds:
            return partial(Loop, samples, None), None
        return partial(Loop, samples, round(seconds * RATE)), seconds

    def pause(self, seconds: float) -> Made:
        """Return what makes silence."""
        return partial(Loop, _SILENCE, round(seconds * RATE)), seconds

    def _item(self, item: ask.Item) -> Made:
        match item:
            case ask.PromptItem():
                seconds = self._prompts.seconds(item.prompt)
                return partial(PromptSound, self._prompts, item.prompt), seconds
            case ask.ToneItem():
                return self.tone(item.tone, item.country, item.seconds)
            case ask.SilenceItem():
                return self.pause(item.silence)
            case ask.RecordingItem():
                path = self._recordings.path(item.recording)
                length = max(0.0, self._recordings.seconds(item.recording) - item.start)
                make = partial(RecordingSound, self._engine.files, path, item.key, item.start)
                return make, round(length, 3)


def _leg_in(room: Room, name: str) -> Leg:
    for leg in room.legs:
        if leg.name == name:
            return leg
    raise MediaError(f"only: {name} is no leg of this room.", code="unknown")

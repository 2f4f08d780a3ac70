"""A conversation with one party by prompts and keys: `Interaction` on a leg of the media server.

Rules that this module keeps:
- Keys that were typed ahead are kept, a few dozen at most, and stop a prompt before it begins.
- When the party hangs up, or its server is lost, or nothing has come from it for a while, whoever waits here
  gets HungUp, and everybody who asks later.
- A prompt that is not installed is left out, and the log says so: a menu must not end for it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from ringwall.core.media.control import Media
from ringwall.core.media.errors import MediaError, MediaRefusal
from ringwall.core.media.interaction import HungUp, Taken, Typed
from ringwall.core.media.items import Item

log = logging.getLogger(__name__)

ALL_KEYS: Final = "0123456789*#"
_TYPED_AHEAD: Final = 48
_SILENT_SECONDS: Final = 60.0  # nothing at all from a party for so long: it is not there any more
_SLACK: Final = 5.0  # seconds that the end of a prompt may be late


class Conversation:
    """One party that hears prompts and types keys. `now` gives monotonic seconds."""

    def __init__(self, media: Media, leg: str, country: str, now: Callable[[], float]) -> None:
        self._media = media
        self._leg = leg
        self._country = country
        self._now = now
        self._keys: deque[str] = deque(maxlen=_TYPED_AHEAD)
        self._changed = asyncio.Event()
        self._playing = ""
        self.gone = False
        self.on_silence: Callable[[], None] = lambda: None
        media.listen(leg, self)

    # What the media server says

    def pressed(self, key: str) -> None:
        """The party has pressed a key."""
        self._keys.append(key)
        self._changed.set()

    def silent(self, seconds: float) -> None:
        """Nothing has come from the party for so long."""
        if seconds >= _SILENT_SECONDS:
            self.hung_up()
            self.on_silence()

    def hush(self) -> None:
        """Stop what is played, as if it had ended."""
        if self._playing:
            self._media.stop(self._playing)

    def hung_up(self) -> None:
        """The party is not there any more."""
        self.gone = True
        self._changed.set()

    # What a menu asks for

    async def play(self, *items: Item, stop_on: str = ALL_KEYS) -> str:
        """Play the items in order; return the key that stopped them, or an empty text at their end."""
        self._check()
        stopped = self._take(stop_on)
        if stopped or not items:
            return stopped
        ended: list[dict[str, Any]] = []
        try:
            player = await self._media.play(
                items, leg=self._leg, country=self._country, then=lambda event: self._happened(ended, event)
            )
        except MediaRefusal as error:
            log.warning("the media server will not play %s: %s", items, error)
            return ""
        except MediaError as error:
            raise self._lost() from error
        self._playing = player.name
        until = None if player.seconds is None else self._now() + player.seconds + _SLACK
        while not ended and (until is None or self._now() < until):
            await self._wait(until)
            stopped = self._take(stop_on)
            if stopped:
                self._media.stop(player.name)
                return stopped
        return ""

    async def key(self, seconds: float) -> str:
        """Wait for one key; an empty text when none came."""
        self._check()
        until = self._now() + seconds
        while not self._keys and self._now() < until:
            await self._wait(until)
        return self._keys.popleft() if self._keys else ""

    async def digits(
        self, *items: Item, most: int, end: str = "#", first: float = 5.0, between: float = 3.0
    ) -> Typed:
        """Play the items and collect keys, until `most` are there, `end` is typed or a wait is over."""
        pressed = await self.play(*items) or await self.key(first)
        typed = ""
        while pressed:
            if pressed in end:
                return Typed(typed, ended=True)
            typed += pressed
            if len(typed) >= most:
                break
            pressed = await self.key(between)
        return Typed(typed, ended=False)

    async def record(
        self, recording: str, key: bytes, *, most: float, silence: float, stop_on: str = "#"
    ) -> Taken:
        """Record the party to a sealed file, until it is silent, long enough, or a key of `stop_on` comes."""
        self._check()
        self._keys.clear()
        ended: list[dict[str, Any]] = []
        try:
            recorder = await self._media.record(
                recording,
                key,
                leg=self._leg,
                most=most,
                silence=silence,
                then=lambda event: self._happened(ended, event),
            )
            until, stopped = self._now() + most + _SLACK, ""
            while not ended and self._now() < until:
                await self._wait(until)
                stopped = "" if ended else self._take(stop_on)
                if stopped:
                    await self._media.recorder(recorder, "stop")
                    until = self._now() + _SLACK
                    while not ended and self._now() < until:
                        await self._wait(until)
        except MediaError as error:
            raise self._lost() from error
        if not ended or ended[0].get("reason") in {"gone", "failed"}:
            raise self._lost()
        return Taken(float(ended[0].get("seconds") or 0.0), stopped)

    def _happened(self, ended: list[dict[str, Any]], event: dict[str, Any]) -> None:
        ended.append(event)
        self._changed.set()

    def _take(self, wanted: str) -> str:
        """The first key, if it is wanted. Others are forgotten, unless no key is."""
        while self._keys and wanted:
            key = self._keys.popleft()
            if key in wanted:
                return key
        return ""

    async def _wait(self, until: float | None) -> None:
        """Wait until something has happened, or until then (monotonic seconds). Raises HungUp."""
        self._changed.clear()
        try:
            async with asyncio.timeout(None if until is None else max(until - self._now(), 0.0)):
                await self._changed.wait()
        except TimeoutError:
            pass
        self._check()

    def _check(self) -> None:
        if self.gone:
            raise HungUp

    def _lost(self) -> HungUp:
        self.hung_up()
        return HungUp("the media server is away")

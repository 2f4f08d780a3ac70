"""Players: a sequence of items that one leg or one room hears, with an event at its end."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ringwall.media.g711 import RATE
from ringwall.media.mixer import Sound
from ringwall.media.playout import FRAME
from ringwall.media.sound import Source

if TYPE_CHECKING:
    from ringwall.media.legs import Leg
    from ringwall.media.rooms import Room

_FADE = 40  # 5 ms: a prompt that is cut must not click
_FALL: Sound = np.concatenate([np.linspace(1, 0, _FADE), np.zeros(FRAME - _FADE)]).astype(np.float32)


class Player:
    """One player. ``asked`` is the request as it came, so that the same one again changes nothing."""

    def __init__(
        self,
        name: str,
        target: "Leg | Room",
        items: Sequence[Callable[[], Source]],
        *,
        asked: Any,
        only: "Sequence[Leg] | None" = None,
        loop: bool = False,
        gain: float = 1.0,
        ended: Callable[["Player", str], None],
    ) -> None:
        self.name = name
        self.target = target
        self.only = only
        self.asked = asked
        self.why = ""
        self._make = items
        self._loop = loop
        self._gain = gain
        self._ended = ended
        self._stop = ""
        self._played = 0
        self._round = 0
        # All are asked for at once, so that the disk is ahead of the voice.
        self._items: list[Source] = [make() for make in items]

    @property
    def seconds(self) -> float:
        """Seconds that were played so far."""
        return self._played / RATE

    def stop(self, reason: str) -> None:
        """End with the next tick, fading out."""
        self._stop = self._stop or reason

    def drop(self, reason: str) -> None:
        """End now: nobody is there to hear it."""
        for item in self._items:
            item.close()
        self._items = []
        self._ended(self, reason)

    def take(self) -> Sound | None:
        """Return the next FRAME samples, or None while nothing is there or when it has ended."""
        made: Sound = np.zeros(FRAME, np.float32)
        filled = 0
        while filled < FRAME:
            if not self._items and not self._again():
                if filled == 0:
                    self.drop("end")
                    return None
                break
            item = self._items[0]
            if not item.ready:
                break
            part = item.take(FRAME - filled)
            if len(part):
                made[filled : filled + len(part)] = part
                filled += len(part)
            else:
                self.why = self.why or item.why
                item.close()
                del self._items[0]
                if self.why:
                    self.drop("failed")
                    return None
        self._played += filled
        self._round += filled
        if self._gain != 1.0:
            made *= self._gain
        if self._stop:
            made *= _FALL
            self.drop(self._stop)
        return made

    def _again(self) -> bool:
        """Begin anew when it is a loop; one that plays nothing has ended."""
        if not self._loop or self._round == 0:
            return False
        self._round = 0
        self._items = [make() for make in self._make]
        return True

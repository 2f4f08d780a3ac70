"""The tones that people know from their country's telephones (ITU-T E.180/Q.35 and its supplement 2).

A tone is the frequencies of its parts in Hz and for how long each sounds; it is made once, as a loop.
Countries that are not listed sound like most of them do: 425 Hz with the cadences that E.180 recommends.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ringwall.media.errors import MediaError
from ringwall.media.g711 import RATE, Samples

DEFAULT = "XX"
_PEAK = 32124 * 10 ** (-(13 + 3.17) / 20)  # -13 dBm0; full scale of G.711 is +3.17 dBm0
_RAMP = RATE // 200  # 5 ms


@dataclass(frozen=True, slots=True)
class Part:
    """One step of a cadence: the sum of some sine waves, or silence, for some seconds."""

    seconds: float
    hertz: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Cadence:
    """The parts of a tone; one that is ``once`` ends after them, others go on until they are stopped."""

    parts: tuple[Part, ...]
    once: bool = False


def _steady(*hertz: int) -> Cadence:
    return Cadence((Part(1.0, hertz),))


def _beat(hertz: tuple[int, ...], *seconds: float) -> Cadence:
    """Sound and silence in turn."""
    return Cadence(tuple(Part(length, () if place % 2 else hertz) for place, length in enumerate(seconds)))


# The special information tone (E.180, 7): three rising tones and a pause.
_SIT = Cadence((Part(0.33, (950,)), Part(0.33, (1400,)), Part(0.33, (1800,)), Part(1.0)))

_EVERYWHERE = {
    "beep": Cadence((Part(0.4, (1000,)),), once=True),
    # That this call is recorded (E.180, 8.4): 1400 Hz.
    "warning": Cadence((Part(0.4, (1400,)),), once=True),
    # That somebody has come in (E.180, 8.3).
    "intrusion": Cadence((Part(0.3, (440,)), Part(0.2), Part(0.3, (440,))), once=True),
    "page": Cadence((Part(0.3, (784,)), Part(0.3, (659,)), Part(0.5, (523,))), once=True),
}

_F425 = (425,)
_MOST = {
    "dial": _steady(425),
    "ringback": _beat(_F425, 1, 4),
    "busy": _beat(_F425, 0.5, 0.5),
    "congestion": _beat(_F425, 0.25, 0.25),
    "intercept": _SIT,
}
_NORTH_AMERICA = {
    "dial": _steady(350, 440),
    "ringback": _beat((440, 480), 2, 4),
    "busy": _beat((480, 620), 0.5, 0.5),
    "congestion": _beat((480, 620), 0.25, 0.25),
    "intercept": Cadence((Part(0.25, (440,)), Part(0.25, (620,)))),
}
_BRITAIN = {
    "dial": _steady(350, 440),
    "ringback": _beat((400, 450), 0.4, 0.2, 0.4, 2.0),
    "busy": _beat((400,), 0.375, 0.375),
    "congestion": _beat((400,), 0.4, 0.35, 0.225, 0.525),
    "intercept": _steady(400),
}
COUNTRIES: dict[str, dict[str, Cadence]] = {
    DEFAULT: _MOST,
    "US": _NORTH_AMERICA,
    "CA": _NORTH_AMERICA,
    "GB": _BRITAIN,
    "IE": {**_BRITAIN, "dial": _steady(425), "busy": _beat(_F425, 0.5, 0.5), "intercept": _SIT},
    "DE": {**_MOST, "busy": _beat(_F425, 0.48, 0.48), "congestion": _beat(_F425, 0.24, 0.24)},
    "AT": {
        "dial": _steady(420),
        "ringback": _beat((420,), 1, 5),
        "busy": _beat((420,), 0.4, 0.4),
        "congestion": _beat((420,), 0.2, 0.2),
        "intercept": _SIT,
    },
    "CH": {**_MOST, "congestion": _beat(_F425, 0.2, 0.2)},
    "FR": {
        "dial": _steady(440),
        "ringback": _beat((440,), 1.5, 3.5),
        "busy": _beat((440,), 0.5, 0.5),
        "congestion": _beat((440,), 0.25, 0.25),
        "intercept": _SIT,
    },
    "IT": {**_MOST, "dial": _beat(_F425, 0.2, 0.2, 0.6, 1.0), "congestion": _beat(_F425, 0.2, 0.2)},
    "ES": {
        **_MOST,
        "ringback": _beat(_F425, 1.5, 3),
        "busy": _beat(_F425, 0.2, 0.2),
        "congestion": _beat(_F425, 0.2, 0.2, 0.2, 0.2, 0.2, 0.6),
    },
    "NL": _MOST,
    "SE": {
        **_MOST,
        "ringback": _beat(_F425, 1, 5),
        "busy": _beat(_F425, 0.25, 0.25),
        "congestion": _beat(_F425, 0.25, 0.75),
    },
    "AU": {
        **_MOST,
        "ringback": _beat((400, 450), 0.4, 0.2, 0.4, 2.0),
        "busy": _beat(_F425, 0.375, 0.375),
        "congestion": _beat(_F425, 0.375, 0.375),
    },
}
NAMES = frozenset(_EVERYWHERE) | frozenset(_MOST)


def cadence(name: str, country: str) -> Cadence:
    """Return a tone of a country; MediaError when there is no such tone."""
    found = _EVERYWHERE.get(name) or COUNTRIES.get(country, _MOST).get(name)
    if found is None:
        raise MediaError(f"There is no tone {name}: there are {', '.join(sorted(NAMES))}.", code="unknown")
    return found


@lru_cache(maxsize=128)
def samples(tone: Cadence) -> Samples:
    """Return one round of a tone at 8 kHz; its end leads over to its beginning."""
    made = np.concatenate([_part(part, alone=len(tone.parts) > 1 or tone.once) for part in tone.parts])
    made.setflags(write=False)
    return made


def _part(part: Part, *, alone: bool) -> Samples:
    count = round(part.seconds * RATE)
    if not part.hertz:
        return np.zeros(count, np.int16)
    time = np.arange(count) / RATE
    wave = sum(np.sin(2 * np.pi * hertz * time) for hertz in part.hertz) * (_PEAK / len(part.hertz) ** 0.5)
    if alone:
        rise = np.minimum(1.0, np.arange(count) / _RAMP)
        wave = wave * rise * rise[::-1]
    return np.asarray(wave, np.int16)

"""What can be played to a party or a room, as values; the media server turns them into sound."""

import base64
from dataclasses import dataclass, field
from typing import Any, Literal

ToneName = Literal[
    "dial", "ringback", "busy", "intercept", "congestion", "beep", "warning", "intrusion", "page"
]


@dataclass(frozen=True, slots=True)
class Prompt:
    """A recorded prompt of the installed prompt packages: its name without `.wav`, such as `digits/3`."""

    name: str


@dataclass(frozen=True, slots=True)
class Tone:
    """A tone of the site's country (ITU-T E.180); `seconds` 0 is until it is stopped."""

    name: ToneName
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing, for a while in seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Recorded:
    """A sealed recording, opened with its key; `start` is where to begin, in seconds."""

    recording: str
    key: bytes = field(repr=False)
    start: float = 0.0


Item = Prompt | Tone | Silence | Recorded


def written(item: Item, country: str) -> dict[str, Any]:
    """Say it as the media server is told; tones are those of the country."""
    match item:
        case Prompt(name):
            return {"prompt": name}
        case Tone(name, seconds):
            return {"tone": name, "country": country, "seconds": seconds}
        case Silence(seconds):
            return {"silence": seconds}
        case Recorded(recording, key, start):
            return {"recording": recording, "key": base64.b64encode(key).decode(), "start": start}

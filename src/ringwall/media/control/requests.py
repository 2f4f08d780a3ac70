"""The requests of the control link, as typed values; what does not fit is refused with the field at fault."""

import base64
import binascii
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)

from ringwall.infra.sealed import KEY_BYTES
from ringwall.media.errors import MediaError

MOST_IN_ROOM = 250


def _base64(value: object) -> bytes:
    if not isinstance(value, str) or len(value) > 128:
        raise ValueError("must be a key in base64")
    try:
        return base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("must be a key in base64") from None


def _key(value: bytes) -> bytes:
    if len(value) != KEY_BYTES:
        raise ValueError(f"must be {KEY_BYTES} bytes in base64")
    return value


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
Spot = Annotated[str, Field(pattern=r"^(\*|[A-Za-z0-9][A-Za-z0-9._-]{0,127})$")]
MediaKey = Annotated[bytes, BeforeValidator(_base64), Field(repr=False)]
SealKey = Annotated[bytes, BeforeValidator(_base64), AfterValidator(_key), Field(repr=False)]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Seconds = Annotated[float, Field(ge=0, le=86400, strict=False, allow_inf_nan=False)]
Gain = Annotated[float, Field(ge=0, le=4, strict=False, allow_inf_nan=False)]


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Hello(_Request):
    """The first request of a connection."""

    op: Literal["hello"]
    owner: Name
    lease_seconds: Annotated[float, Field(ge=3, le=120, strict=False)]


class Status(_Request):
    """How the process is doing; no hello is needed for it."""

    op: Literal["status"]


class Renew(_Request):
    """The lease goes on."""

    op: Literal["renew"]


class List(_Request):
    """What the owner has."""

    op: Literal["list"]


class Bye(_Request):
    """The owner needs nothing any more."""

    op: Literal["bye"]


class OnLeg(_Request):
    """A leg by its name."""

    op: Literal["leg.open", "leg.close", "leg.stats"]
    leg: Name


class Press(_Request):
    """A key that the party of a leg is told, as a telephone event."""

    op: Literal["leg.press"]
    leg: Name
    key: Annotated[str, Field(pattern="^[0-9*#A-D]$")]
    ms: Annotated[int, Field(ge=40, le=8000)] = 160


class Connect(_Request):
    """Where a leg leads."""

    op: Literal["leg.connect"]
    leg: Name
    host: Annotated[str, Field(max_length=64)]
    port: Annotated[int, Field(ge=1, le=65535)]
    suite: Annotated[str, Field(max_length=64)]
    send_key: MediaKey
    receive_key: MediaKey
    payload: Literal[0, 8]
    dtmf: Annotated[int, Field(ge=35, le=127)] | None = None
    ptime: Literal[10, 20, 30, 40, 50, 60] = 20


class SetRoom(_Request):
    """A room and its whole matrix."""

    op: Literal["room.set"]
    room: Name
    legs: Annotated[list[Name], Field(max_length=MOST_IN_ROOM)]
    hears: Annotated[
        dict[Spot, Annotated[dict[Spot, Gain], Field(max_length=MOST_IN_ROOM + 1)]],
        Field(max_length=MOST_IN_ROOM + 1),
    ] = {}


class CloseRoom(_Request):
    """A room by its name."""

    op: Literal["room.close"]
    room: Name


class PromptItem(_Request):
    """A recorded prompt."""

    prompt: Annotated[str, Field(min_length=1, max_length=100)]


class ToneItem(_Request):
    """A tone of a country; 0 seconds are until it is stopped."""

    tone: Annotated[str, Field(min_length=1, max_length=32)]
    country: Country = "XX"
    seconds: Seconds = 0.0


class SilenceItem(_Request):
    """A pause."""

    silence: Annotated[float, Field(gt=0, le=3600, strict=False)]


class RecordingItem(_Request):
    """A sealed recording from a moment on."""

    recording: Name
    key: SealKey
    start: Seconds = 0.0


Item = PromptItem | ToneItem | SilenceItem | RecordingItem


class Play(_Request):
    """A player for a leg or a room."""

    op: Literal["play"]
    player: Name
    leg: Name | None = None
    room: Name | None = None
    items: Annotated[list[Item], Field(min_length=1, max_length=64)]
    loop: bool = False
    only: Annotated[list[Name], Field(max_length=MOST_IN_ROOM)] | None = None
    gain: Gain = 1.0


class Stop(_Request):
    """A player by its name."""

    op: Literal["stop"]
    player: Name


class WarningTone(_Request):
    """A tone that is heard while a recorder runs, every so many seconds; 0 is once, at the beginning."""

    tone: Annotated[str, Field(min_length=1, max_length=32)] = "warning"
    country: Country = "XX"
    every: Annotated[float, Field(ge=0, le=3600, strict=False)] = 15.0
    only: Annotated[list[Name], Field(max_length=MOST_IN_ROOM)] | None = None


class Record(_Request):
    """A recorder of a leg or a room."""

    op: Literal["record"]
    recorder: Name
    leg: Name | None = None
    room: Name | None = None
    recording: Name
    key: SealKey
    most: Annotated[float, Field(gt=0, le=86400, strict=False)]
    silence: Annotated[float, Field(ge=0, le=3600, strict=False)] = 0.0
    tone: WarningTone | None = None
    of: Annotated[list[Name], Field(max_length=MOST_IN_ROOM)] | None = None


class OnRecorder(_Request):
    """A recorder by its name."""

    op: Literal["record.pause", "record.resume", "record.stop"]
    recorder: Name


class RecordOf(_Request):
    """Whom of a room a recorder records from now on; None: everybody."""

    op: Literal["record.of"]
    recorder: Name
    of: Annotated[list[Name], Field(max_length=MOST_IN_ROOM)] | None = None


class Finish(_Request):
    """A file that a crash cut off."""

    op: Literal["recording.finish"]
    recording: Name
    key: SealKey


class Read(_Request):
    """Bytes of a sealed file."""

    op: Literal["recording.read"]
    recording: Name
    offset: Annotated[int, Field(ge=0, le=1 << 40)] = 0
    length: Annotated[int, Field(ge=1, le=131072)] = 131072


class Remove(_Request):
    """A recording that is not needed any more."""

    op: Literal["recording.remove"]
    recording: Name


Request = (
    Hello | Status | Renew | List | Bye | OnLeg | Press | Connect | SetRoom | CloseRoom | Play | Stop | Record
    | OnRecorder | RecordOf | Finish | Read | Remove
)  # fmt: skip

_REQUESTS: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="op")])


def parse(payload: bytes) -> Request:
    """Return the request of a frame; MediaError that names the field at fault, never its content."""
    try:
        return _REQUESTS.validate_json(payload)
    except ValidationError as error:
        first: Any = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"][1:]) or "the request"
        raise MediaError(f"{place[:100]}: {first['msg'][:200]}.", code="syntax") from None

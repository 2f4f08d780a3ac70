"""What administrators send and get about PINs."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, Field

from ringwall.core.operations import SECRET, Arguments
from ringwall.core.pins.service import State

Extension = Annotated[str, Field(min_length=1, max_length=32)]


class PinOf(Arguments):
    """Whose PIN."""

    extension: Extension


class PinSet(Arguments):
    """A PIN that an administrator chose; the user has to change it unless it says otherwise."""

    extension: Extension
    pin: Annotated[str, Field(min_length=1, max_length=64, json_schema_extra=SECRET)]
    must_change: bool = True


class PinState(BaseModel):
    """What is known of a user's PIN. Times in RFC 3339, UTC; `days_left` is null where it does not end."""

    extension: str
    set_at: str | None
    must_change: bool
    days_left: int | None
    wrong_tries: int
    locked_until: str | None

    @classmethod
    def of(cls, extension: str, state: State) -> "PinState":
        """Return the state as it is told."""
        return cls(
            extension=extension,
            set_at=_time(state.set_at),
            must_change=state.must_change,
            days_left=state.days_left,
            wrong_tries=state.wrong_tries,
            locked_until=_time(state.locked_until),
        )


class FirstPin(PinState):
    """A random PIN: shown here and never again."""

    pin: str


def _time(seconds: float) -> str | None:
    if not seconds:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

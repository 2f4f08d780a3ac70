"""What happens to mailboxes, for the lamps and the notices."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ringwall.core.voicemail.model import Counts, Message


class What(StrEnum):
    """What happened to a mailbox or to one of its messages."""

    ARRIVED = "arrived"
    HEARD = "heard"
    UNHEARD = "unheard"  # the owner made it new again
    MOVED = "moved"
    REMOVED = "removed"
    FULL = "full"  # a caller was turned away


@dataclass(frozen=True, slots=True)
class Happened:
    """Something happened; `counts` are those after it."""

    what: What
    extension: str
    counts: Counts
    message: Message | None = None


Listener = Callable[[Happened], None]

"""The queue in the database: what waits, what is tried when, what was set aside.

Kept here:
- The order is urgent before others, then by the time at which each is due.
- The mirror in memory has no text of any message; a message is read when it is sent.
- Pauses grow, with some chance in them, so that a server that comes back is not run over.
"""

import random
import time
import uuid
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Executable, bindparam, delete, insert, select, update
from sqlalchemy.engine import Connection

from ringwall.core.store import schema

MOST_WAITING: Final = 2000
MOST_BYTES: Final = 512 * 1024 * 1024
MOST_UNDELIVERED: Final = 1000
UNDELIVERED_DAYS: Final = 30

_FIRST_PAUSE: Final = 30.0
_FIRST_PAUSE_URGENT: Final = 5.0
_LONGEST_PAUSE: Final = 3600.0
_LONGEST_PAUSE_URGENT: Final = 60.0

_TABLE = schema.mail
_INSERT = insert(_TABLE)
_DELETE = delete(_TABLE).where(_TABLE.c.id == bindparam("this"))
_UPDATE = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("this"))
    .values(
        next_at=bindparam("new_next_at"),
        attempts=bindparam("new_attempts"),
        undelivered_at=bindparam("new_undelivered_at"),
        why=bindparam("new_why"),
    )
)
_FACTS = [column for column in _TABLE.columns if column.name != "message"]

Write = tuple[Executable, dict[str, Any]]


@dataclass(slots=True)
class Item:
    """One message without its text. Times are Unix seconds; `about` is what it is about, in a word."""

    id: str
    created_at: float
    next_at: float
    attempts: int
    urgent: bool
    recipient: str
    subject: str
    about: str
    size: int
    undelivered_at: float | None = None
    why: str = ""

    @classmethod
    def new(cls, *, recipient: str, subject: str, about: str, urgent: bool, size: int) -> "Item":
        """A message that is due now."""
        now = time.time()
        return cls(uuid.uuid4().hex, now, now, 0, urgent, recipient, subject, about, size)

    def put_off(self, now: float, why: str) -> None:
        """It was not taken: the next try is later than the last one was."""
        first, longest = (
            (_FIRST_PAUSE_URGENT, _LONGEST_PAUSE_URGENT) if self.urgent else (_FIRST_PAUSE, _LONGEST_PAUSE)
        )
        self.attempts += 1
        self.why = why
        pause = min(first * 2.0 ** min(self.attempts - 1, 20), longest)
        self.next_at = now + pause * random.uniform(0.8, 1.2)  # noqa: S311 - no secret

    def facts(self) -> dict[str, Any]:
        """What administrators see."""
        return {
            "mail": self.id,
            "to": self.recipient,
            "subject": self.subject,
            "about": self.about,
            "state": "undelivered" if self.undelivered_at is not None else "waiting",
            "created_at": self.created_at,
            "next_at": None if self.undelivered_at is not None else self.next_at,
            "attempts": self.attempts,
            "size": self.size,
            "why": self.why,
        }


def added(item: Item, message: bytes) -> Write:
    """The write that stores a new message."""
    return _INSERT, {**{column.name: getattr(item, column.name) for column in _FACTS}, "message": message}


def changed(item: Item) -> Write:
    """The write that stores when and how often a message is tried."""
    return _UPDATE, {
        "this": item.id,
        "new_next_at": item.next_at,
        "new_attempts": item.attempts,
        "new_undelivered_at": item.undelivered_at,
        "new_why": item.why,
    }


def removed(item: Item) -> Write:
    """The write that takes a message out."""
    return _DELETE, {"this": item.id}


def load(connection: Connection) -> list[Item]:
    """Everything that is in the queue."""
    return [Item(**row) for row in connection.execute(select(*_FACTS)).mappings()]


def load_message(connection: Connection, mail: str) -> bytes | None:
    """The bytes of one message; None where it is not in the database (yet)."""
    found: bytes | None = connection.execute(
        select(_TABLE.c.message).where(_TABLE.c.id == mail)
    ).scalar_one_or_none()
    return found

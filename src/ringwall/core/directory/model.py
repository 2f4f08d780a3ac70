"""Who can be called, with which devices: the values of the directory and what makes them valid."""

import re
from dataclasses import dataclass

from ringwall.core.errors import OperationError

LONGEST_TEXT = 64
MOST_DEVICES = 32

# What a new user gets where nothing else is said; both are there from the first moment and stay.
NEW_USERS_GROUP = "least-privileged"
NEW_USERS_SITE = "main"

_EXTENSION = re.compile(r"[0-9]{2,8}\Z")


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of a desk phone besides who is logged in at it: it counts for emergency calls (P2).

    `group` says what it may do while nobody is logged in; without one nothing but the site's emergency rule.
    """

    mac: str
    site: str | None = None
    group: str | None = None
    location: str = ""
    callback_number: str = ""


@dataclass(frozen=True, slots=True)
class DeviceEntry:
    """One phone. `username` is what it signs in with; the password itself is kept nowhere.

    A desk phone that is set up by us has a `place`. While nobody is logged in at it `user_id` is 0, and its
    address of record is its own name instead of an extension.
    """

    id: int
    username: str
    user_id: int
    extension: str
    label: str
    ha1_sha256: str
    ha1_md5: str | None
    legacy: bool
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class UserEntry:
    """One person or place with an extension, and the devices that ring there.

    `group` says what they may do and `site` where they are, each by its id. `did` is the number by which they
    are called from outside and `caller_id` the one that they show, both in canonical form and possibly empty.
    `no_pickup` keeps others from picking up their calls; `locked` leaves inside and emergency calls.
    """

    id: int
    extension: str
    name: str
    devices: tuple[DeviceEntry, ...] = ()
    group: str | None = None
    site: str | None = None
    did: str = ""
    caller_id: str = ""
    no_pickup: bool = False
    locked: bool = False


def check_extension(text: str) -> str:
    """Return a valid extension; raise OperationError (invalid)."""
    if not _EXTENSION.match(text):
        raise OperationError("invalid", "An extension has 2 to 8 digits, such as 201.", "extension")
    return text


def check_text(text: str, field: str) -> str:
    """Return a name or label without spaces around it; raise OperationError (invalid)."""
    text = text.strip()
    if not 1 <= len(text) <= LONGEST_TEXT or not text.isprintable():
        raise OperationError(
            "invalid", f"The {field} has to have 1 to {LONGEST_TEXT} printable characters.", field
        )
    return text

"""Authorization codes in what is dialled: *55 CODE # NUMBER (A1).

`*551234#914085550123` asks for +1 408 555 0123 with the code 1234; where codes are optional,
`*55#914085550123` goes on without one. Rules that this module keeps:
- The digits of a code stand in no record, in no stored call, and in nothing that is sent on.
- A code is looked at only after the caller's own permissions have said no.
"""

import re
from typing import Final, NamedTuple

SERVICE: Final = "*55"
_USER: Final = re.compile(r"(?i)(sips?:)[^@>]*@")
_DIALLED: Final = re.compile(r"\*55([^#]{0,40})#(.+)\Z", re.DOTALL)


class WithCode(NamedTuple):
    """What was dialled behind the code, and the code as it was typed."""

    number: str
    code: str


def split(dialled: str) -> WithCode | None:
    """The code and the number; None where no code was dialled."""
    found = _DIALLED.match(dialled)
    return WithCode(found[2], found[1]) if found is not None else None


def hidden(dialled: str) -> str:
    """What was dialled, without the digits of a code."""
    text = dialled.replace("%23", "#")
    if not text.startswith(SERVICE):
        return dialled
    found = split(text)
    return f"{SERVICE}...#{found.number}" if found is not None else f"{SERVICE}..."


def hidden_address(address: str, dialled: str) -> str:
    """An address that was dialled, with what `hidden` made of it in place of its user part.

    Only what has no code in it is given back as it is. An end point knows a dialog by its tags (RFC 3261 12),
    so the call can go on with it.
    """
    if not dialled.startswith(SERVICE):
        return address
    user = dialled.replace("#", "%23")
    return _USER.sub(lambda found: f"{found[1]}{user}@", address, count=1)

"""Authorization codes in what is dialled: *55 CODE # NUMBER (A1).

`*551234#914085550123` asks for +1 408 555 0123 with the code 1234; where codes are optional,
`*55#914085550123` goes on without one. Rules that this module keeps:
- The digits of a code stand in no record, and in nothing that is sent on.
- A code is looked at only after the caller's own permissions have said no.
"""

import re
from typing import Final, NamedTuple

SERVICE: Final = "*55"
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

"""Feature numbers: what is dialled to reach a feature instead of somebody (docs/star-codes.md).

One line for each. What answers is put into `hooks.dialled` under the name of the feature; a code that nothing
answers is refused as one that is not available. Rules that this module keeps:
- A code is a star and two digits; what stands behind it is for the feature.
- A phone at which nobody has logged in has the codes that say so, and no other (P2).
- Nobody from outside has any.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class StarCode:
    """One feature number. `takes` says what is dialled behind the code; empty: nothing may be."""

    code: str
    feature: str
    help: str
    takes: str = ""
    without_user: bool = False


CODES: Final = (
    StarCode(
        "*10", "conference", "make one conference of the calls that you have", takes="extension or nothing"
    ),
    StarCode(
        "*12", "silent coach", "listen to somebody's call, and speak to that person alone", takes="extension"
    ),
    StarCode(
        "*13",
        "record",
        "record your call, or somebody's; the same again ends it",
        takes="extension or nothing",
    ),
    StarCode("*14", "pickup", "take a call that rings at somebody's phone", takes="extension"),
    StarCode("*15", "intercom", "speak to somebody over the speaker of the phone", takes="extension"),
    StarCode("*16", "barge in", "take part in somebody's call", takes="extension"),
    StarCode("*17", "silent monitor", "listen to somebody's call", takes="extension"),
    StarCode(
        "*18", "hunt group busy", "take a hunt group out of service, or back into it", takes="hunt group"
    ),
    StarCode(
        "*19", "whisper page", "speak to somebody in a call, unheard by the other side", takes="extension"
    ),
    StarCode("*60", "log in", "log in at this phone", without_user=True),
    StarCode("*61", "log out", "log out at this phone"),
    StarCode("*97", "any mailbox", "listen to a mailbox, with its number and PIN"),
    StarCode("*98", "own mailbox", "listen to your own mailbox"),
)

_BY_CODE: Final = {each.code: each for each in CODES}


def find(dialled: str) -> tuple[StarCode, str] | None:
    """The feature number that was dialled, and what stands behind the code; None for anything else."""
    found = _BY_CODE.get(dialled[:3])
    return None if found is None else (found, dialled[3:])

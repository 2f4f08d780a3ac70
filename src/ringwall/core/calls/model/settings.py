"""What users have set for their calls, as call control asks for it."""

from dataclasses import dataclass
from typing import Final, Protocol

from ringwall.policy.actions import Action


@dataclass(frozen=True, slots=True)
class Forwarding:
    """Where somebody's calls go; empty: nowhere else. `seconds` is how long the phones ring before.

    At the numbers of `find_me` the user is looked for, in turn, when nobody takes a call.
    """

    always: str = ""
    busy: str = ""
    no_answer: str = ""
    seconds: int = 0
    find_me: tuple[str, ...] = ()

    def to(self, action: Action) -> str:
        """The destination in this case."""
        return {
            Action.FORWARD_ALWAYS: self.always,
            Action.FORWARD_BUSY: self.busy,
            Action.FORWARD_NO_ANSWER: self.no_answer,
        }.get(action, "")


class Forwardings(Protocol):
    """Something that has everybody's forwarding of this moment."""

    def forwarding(self, extension: str) -> Forwarding:
        """The forwarding of a user; an empty one where none is set."""


NO_FORWARDING: Final = Forwarding()

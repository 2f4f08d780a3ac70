"""What is asked of voice mail and how a session ends, as values: all that call control needs to know (V1).

    outcome = await voice_mail.leave(party, caller, "201", Reason.NO_ANSWER)
    outcome = await voice_mail.retrieve(party, caller)               # own mailbox, or any one with its PIN

Rules that this module keeps:
- An outcome carries no number that a caller typed: an assistant is what the owner had set, a sender is the
  extension that the message came from.
- Call control asks the policy before it acts on an outcome, in the name that the outcome says.
"""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a call came to a mailbox."""

    NO_ANSWER = "no answer"
    BUSY = "busy"
    ALWAYS = "always"  # the owner's mode or forwarding sends every call there
    UNREACHABLE = "unreachable"  # no phone is signed in


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is at the other end.

    `extension` is there only if the party proved that it is that user: what a caller from outside claims is
    its `number` or `name`, whatever they look like. `source` is what wrong PINs are counted by: device, or
    the number and trunk; an empty one counts with all others that say nothing.
    """

    extension: str = ""
    number: str = ""
    name: str = ""
    outside: bool = True
    source: str = ""

    def __post_init__(self) -> None:
        if self.outside and self.extension:
            raise ValueError("a caller from outside has no extension, whatever it claims")


@dataclass(frozen=True, slots=True)
class Ended:
    """The session is over: hang up. `why` is for the record."""

    why: str


@dataclass(frozen=True, slots=True)
class ToAssistant:
    """The caller pressed 0: to `extension`, which is inside, in the name of the mailbox's owner."""

    mailbox: str
    extension: str


@dataclass(frozen=True, slots=True)
class CallSender:
    """The owner wants to call the sender of a message: `extension`, inside, as CALLBACK of the mailbox.

    Comes only from a session at a phone inside.
    """

    mailbox: str
    extension: str


Outcome = Ended | ToAssistant | CallSender

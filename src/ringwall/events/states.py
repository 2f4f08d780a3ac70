"""What is now: told to whoever listens, never on record.

A state that was missed is asked for, not replayed.
"""

from typing import Annotated

from ringwall.events.base import Event, event, shared
from ringwall.events.values import CallId, Mailbox


@shared
class Passing(Event):
    """An event that is not recorded: it has no number, and no cursor leads back to it."""


@event("state.call")
class StateOfCall(Passing):
    """A call is being set up, its parties talk, or it is over."""

    call: CallId
    state: Annotated[str, "`setup`, `answering` (for a moment), `talking` or `ended`."]
    caller: Annotated[str, "Who called: extension or outside number."]
    caller_device: Annotated[str, "The device of the caller, empty where they are outside."]
    dialled: Annotated[str, "What was dialled, authorization codes left out."]
    callee: Annotated[str | None, "Who has answered: extension or outside number."]
    callee_device: Annotated[str | None, "The device of the callee."]
    direction: Annotated[str, "`inside`, `in`, `out`, or `tandem` (it comes in and goes out again)."]
    answered: Annotated[float | None, "When it was answered, seconds since 1970."]


@event("state.mailbox")
class StateOfMailbox(Passing):
    """Other messages wait in a mailbox than before (RFC 3842)."""

    mailbox: Mailbox
    new: Annotated[int, "How many messages nobody has heard."]
    new_urgent: Annotated[int, "How many of them are urgent."]
    saved: Annotated[int, "How many were heard and are kept."]

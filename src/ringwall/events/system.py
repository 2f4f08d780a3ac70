"""The system itself: when it started, what it lost (R1, R2)."""

from typing import Annotated, Literal

from ringwall.events.base import Event, event
from ringwall.events.values import CallId, Why


@event("system.created")
class SystemCreated(Event):
    """The organisation was made: the first record of a ledger."""

    organisation: Annotated[str, "The random number on which the chain stands, hexadecimal."]
    name: Annotated[str, "The name of the organisation."]
    signed_by: Annotated[str, "The public key of the ledger, 64 hexadecimal digits."]


@event("system.ledger_mark_made")
class SystemLedgerMarkMade(Event):
    """A ledger of a version that kept no mark of it got its first one."""

    place: Annotated[str, "Where it is kept."]
    at_record: Annotated[int, "The record that it names."]


@event("system.started")
class SystemStarted(Event):
    """The core has started."""

    version: Annotated[str, "The version of Ringwall."]


@event("system.stopped")
class SystemStopped(Event):
    """The core ends as it was told to."""


@event("system.link_up")
class SystemLinkUp(Event):
    """The connection to the edge is there."""

    link: Annotated[Literal["sip"], "Which one."]


@event("system.link_down")
class SystemLinkDown(Event):
    """The connection to the edge was lost."""

    link: Annotated[Literal["sip"], "Which one."]


@event("system.calls_taken_up")
class SystemCallsTakenUp(Event):
    """Calls of the process before go on."""

    count: Annotated[int, "How many."]


@event("system.relay_failed")
class SystemRelayFailed(Event):
    """The media relay did not do what a call needed."""

    call: CallId
    why: Why


@event("system.media_failed")
class SystemMediaFailed(Event):
    """The media server did not do what a room needed."""

    room: Annotated[str, "The id of the call or conference whose room it is."]
    why: Why


@event("system.menu_failed")
class SystemMenuFailed(Event):
    """A menu broke off because of an error in it: the log says which."""

    call: CallId
    feature: Annotated[str, "The feature whose menu it was."]


@event("system.warning_tone_failed")
class SystemWarningToneFailed(Event):
    """The tone that warns of a recording or of a listener could not be played."""

    call: CallId
    why: Why

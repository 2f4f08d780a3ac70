"""What administrators and users change: users, devices, forwarding, PINs; and what was refused."""

from typing import Annotated, Any

from ringwall.events.base import UNSAID, Event, Maybe, event, shared
from ringwall.events.values import After, Before, By, Extension


@shared
class Changed(Event):
    """Somebody made, changed or removed something."""

    actor: By
    before: Before
    after: After


@event("admin.refused")
class AdminRefused(Event):
    """An operation that would have changed something was not done."""

    operation: Annotated[str, "The name of the operation."]
    actor: By
    asked: Annotated[dict[str, Any], "What was asked, secrets left out."]
    code: Annotated[str, "`not_found`, `invalid`, `conflict`, `refused` or `unavailable`."]
    message: Annotated[str, "Why, as a sentence."]
    field: Annotated[str | None, "The argument that is wrong, where it is one."]
    problems: Annotated[
        Maybe[tuple[dict[str, Any], ...]], "All that is wrong with a file, each with line, field and message."
    ] = UNSAID


@event("admin.administrator.added")
class AdminAdministratorAdded(Event):
    """An administrator was added."""

    actor: Annotated[dict[str, str] | None, "Who did it; null where it was done by the first start."]
    before: Before
    after: After


@event("admin.administrator.changed")
class AdminAdministratorChanged(Changed):
    """An administrator got another role; their sessions ended."""


@event("admin.administrator.password_set")
class AdminAdministratorPasswordSet(Event):
    """An administrator got another password; their sessions ended."""

    actor: By
    administrator: Annotated[str, "Whose password it is."]


@event("admin.administrator.removed")
class AdminAdministratorRemoved(Changed):
    """An administrator was removed; their sessions ended."""


@event("admin.ledger.acknowledged")
class AdminLedgerAcknowledged(Event):
    """Somebody has taken note of what was found wrong with the ledger, which stays remembered."""

    actor: By
    reason: Annotated[str, "Why it is known."]
    mismatches: Annotated[tuple[dict[str, Any], ...], "Each with at, place, text and acknowledged."]


@event("admin.user.added")
class AdminUserAdded(Changed):
    """A user was added."""


@event("admin.user.changed")
class AdminUserChanged(Changed):
    """A user was changed."""


@event("admin.user.removed")
class AdminUserRemoved(Changed):
    """A user was removed, with their devices."""


@event("admin.device.added")
class AdminDeviceAdded(Changed):
    """A device was added."""


@event("admin.device.removed")
class AdminDeviceRemoved(Changed):
    """A device was removed."""


@event("admin.forwarding.changed")
class AdminForwardingChanged(Event):
    """Where a user's calls are forwarded was changed."""

    actor: By
    before: Annotated[dict[str, Any], "The forwarding as it was."]
    after: Annotated[dict[str, Any], "The forwarding as it is."]


@shared
class PinChange(Event):
    """A PIN is another one than before."""

    actor: By
    extension: Extension
    first: Annotated[bool, "Whether there was none before."]
    must_change: Annotated[bool, "Whether the user has to choose another one at once."]


@event("admin.pin.changed")
class AdminPinChanged(PinChange):
    """An administrator set a PIN."""


@event("user.pin.changed")
class UserPinChanged(PinChange):
    """A user changed their own PIN."""


@event("admin.pin.unlocked")
class AdminPinUnlocked(Event):
    """An administrator unlocked a PIN."""

    actor: By
    extension: Extension
    wrong_tries: Annotated[int, "How many wrong tries there were."]
    locked_until: Annotated[float, "Until when it was locked, seconds since 1970; 0 where it was not."]

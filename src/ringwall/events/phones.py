"""Desk phones: what each has proven, who is at it (P3, P4)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final

from ringwall.events.base import Event, event, shared
from ringwall.events.values import By, PhoneName, Why


@shared
class PhoneChange(Event):
    """A phone is another one than before: its facts before and after."""

    actor: By
    phone: PhoneName
    before: Annotated[dict[str, Any] | None, "What was known of it; null where it is new."]
    after: Annotated[dict[str, Any], "What is known of it."]
    why: Why


@event("phone.discovered")
class PhoneDiscovered(PhoneChange):
    """A phone has asked for itself and has proven nothing."""


@event("phone.enrolled")
class PhoneEnrolled(PhoneChange):
    """A phone has proven who it is."""


@event("phone.available")
class PhoneAvailable(PhoneChange):
    """A phone has credentials, nobody is at it, and it is nobody's home."""


@event("phone.vacated")
class PhoneVacated(PhoneChange):
    """A phone is somebody's home, and they are at another one."""


@event("phone.assigned")
class PhoneAssigned(PhoneChange):
    """Somebody is at the phone."""


@event("phone.blocked")
class PhoneBlocked(PhoneChange):
    """A phone was blocked: it may do nothing."""


@event("phone.changed")
class PhoneChanged(PhoneChange):
    """Something else of a phone was changed, such as its label or its home."""


@event("phone.removed")
class PhoneRemoved(Event):
    """A phone was removed."""

    actor: By
    before: Annotated[dict[str, Any], "What was known of it."]
    after: Annotated[None, "Always null."]
    why: Why


@event("phone.login_refused")
class PhoneLoginRefused(Event):
    """A user whose PIN was right may not log in at a phone."""

    phone: PhoneName
    actor: By
    why: Why


BY_STATE: Final[Mapping[str, type[PhoneChange]]] = MappingProxyType(
    {
        each.kind.removeprefix("phone."): each
        for each in (
            PhoneDiscovered,
            PhoneEnrolled,
            PhoneAvailable,
            PhoneVacated,
            PhoneAssigned,
            PhoneBlocked,
        )
    }
)
"""What is recorded when a phone comes to a state."""

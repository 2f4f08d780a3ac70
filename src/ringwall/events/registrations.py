"""Registrations: which devices are signed in (RFC 3261, RFC 5626)."""

from typing import Annotated

from ringwall.events.base import Event, event
from ringwall.events.security import Folded
from ringwall.events.values import DeviceName, Extension, Peer


@event("registration.added")
class RegistrationAdded(Event):
    """A device has signed in."""

    device: DeviceName
    extension: Extension
    source: Peer
    transport: Annotated[str, "The transport of its connection, such as `tls` or `wss`."]
    user_agent: Annotated[str, "What it says that it is."]


@event("registration.ended")
class RegistrationEnded(Event):
    """A device is not signed in any more."""

    device: DeviceName
    extension: Extension
    source: Peer
    why: Annotated[str, "Why: it signed out, it did not come back, or it was removed."]


@event("registration.refused")
class RegistrationRefused(Folded):
    """A REGISTER was refused because of its credentials."""

    device: Annotated[str, "The name that was claimed, 64 characters at most."]
    method: Annotated[str, "Always `REGISTER`."]
    why: Annotated[str, "Why."]

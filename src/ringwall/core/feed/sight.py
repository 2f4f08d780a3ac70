"""Which events a role may see: the permission to look at the thing that an event is about.

Rules that this module keeps:
- A kind that no line names is for those alone who may read the ledger. They may see everything.
- Whom calls were with is a report of them; that there are calls is another thing.
"""

from typing import Final

from ringwall.core.identity.permissions import Permission, Role, permits
from ringwall.events import Event
from ringwall.events.states import StateOfCall, StateOfMailbox

_BY_KIND: Final = {
    StateOfCall.kind: Permission.CALLS_READ,
    StateOfMailbox.kind: Permission.VOICEMAIL_READ,
}
_BY_BEGINNING: Final = {
    "call": Permission.REPORTS_READ,
    "watch": Permission.REPORTS_READ,
    "recording": Permission.REPORTS_READ,
    "media": Permission.REPORTS_READ,
    "emergency": Permission.CALLS_READ,
    "registration": Permission.DEVICES_READ,
    "trunk": Permission.TRUNKS_READ,
    "voicemail": Permission.VOICEMAIL_READ,
    "mail": Permission.MAIL_READ,
    "phone": Permission.PHONES_READ,
    "firmware": Permission.FIRMWARE_READ,
    "system": Permission.SYSTEM_READ,
}


def permission_of(kind: str) -> Permission:
    """The permission by which events of a kind are seen, besides `ledger:read`."""
    by_beginning = _BY_BEGINNING.get(kind.partition(".")[0], Permission.LEDGER_READ)
    return _BY_KIND.get(kind, by_beginning)


def may_see(role: Role | None, event: Event) -> bool:
    """Whether a role may see an event."""
    return permits(role, Permission.LEDGER_READ) or permits(role, permission_of(event.kind))

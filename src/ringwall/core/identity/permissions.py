"""What may be asked of the core, and which role may ask it (I3).

Rules that this module keeps:
- Who has no role may nothing. A permission that stands in no role's list is nobody's but the administrator's.
- Whoever may only look changes nothing: `:read` and `:write` are two permissions of each thing.
- Who watches over the others, the auditor, reads everything and has no way to change it.
- What belongs to one person alone is `own`: it is asked of the one whose it is, whatever their role.

This is about the system. What users may do with their telephones is the policy's (`ringwall.policy`).
"""

from collections.abc import Mapping
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Final


@unique
class Permission(StrEnum):
    """One thing that may be asked. The value stands in records, in the API's document and in errors."""

    SYSTEM_READ = "system:read"
    """Whether everything works: links, engines, numbers of users and calls."""

    USERS_READ = "users:read"
    """Users, and whether their PIN is locked or old."""
    USERS_WRITE = "users:write"
    """Add, change and remove users, also from a file; a user's group says what they may dial."""
    PINS_WRITE = "pins:write"
    """Set, reset and unlock the PINs of users; whoever resets one sees it once."""
    DEVICES_READ = "devices:read"
    """The telephones of users, and which of them can be reached now."""
    DEVICES_WRITE = "devices:write"
    """Add and remove devices; whoever adds one sees its password once."""
    FORWARDING_READ = "forwarding:read"
    FORWARDING_WRITE = "forwarding:write"

    CALLS_READ = "calls:read"
    """Calls and conferences that are up, and who is in them."""
    CALLS_WRITE = "calls:write"
    """Place, move and end calls; start conferences, and add and drop their parties."""
    CALLS_WATCH = "calls:watch"
    """Listen to calls of users, coach them and join them, as far as their classes of service allow."""
    CALLS_RECORD = "calls:record"
    """Record calls of users."""

    RIGHTS_READ = "rights:read"
    """Who may do what, and why: sites, classes of service, groups, limits, ranges, inside objects."""
    RIGHTS_WRITE = "rights:write"
    TRUNKS_READ = "trunks:read"
    TRUNKS_WRITE = "trunks:write"
    """Trunks and trunk groups, with their passwords."""
    AUTHCODES_READ = "authcodes:read"
    """Authorization codes without the digits."""
    AUTHCODES_WRITE = "authcodes:write"

    VOICEMAIL_READ = "voicemail:read"
    """Mailboxes without their messages: how many there are, and the settings."""
    VOICEMAIL_WRITE = "voicemail:write"
    """Settings and lists, and to empty a mailbox; nobody hears a message with it."""
    MAIL_READ = "mail:read"
    """The queue of outgoing mail: to whom and about what, never the message."""
    MAIL_WRITE = "mail:write"

    PHONES_READ = "phones:read"
    """Desk phones: what they have proven, and who is at them."""
    PHONES_WRITE = "phones:write"
    FIRMWARE_READ = "firmware:read"
    FIRMWARE_WRITE = "firmware:write"
    """Publish what others have signed, and say which phones get it."""

    REPORTS_READ = "reports:read"
    LEDGER_READ = "ledger:read"
    """Read the ledger and prove it."""
    LEDGER_WRITE = "ledger:write"
    """Acknowledge what was found wrong with the ledger; nobody can change a record."""

    ADMINS_READ = "admins:read"
    """Who may sign in, and with which role."""
    ADMINS_WRITE = "admins:write"
    """Add, change and remove whoever may sign in."""

    ACCOUNT_OWN = "account:own"
    """One's own account: who one is, one's own password and sessions."""
    MAILBOX_OWN = "mailbox:own"
    """One's own mailbox: messages, greetings, settings, PIN."""


@unique
class Role(StrEnum):
    """What somebody is, and so what they may."""

    ADMINISTRATOR = "administrator"
    """May everything, but hear or see what is in other people's mailboxes."""
    OPERATOR = "operator"
    """Keeps users, devices, phones and mailboxes, day by day; gives nobody a right that there is not."""
    SUPERVISOR = "supervisor"
    """Looks after the calls of others: watches and records them."""
    AUDITOR = "auditor"
    """Reads everything, the ledger first, and changes nothing."""
    USER = "user"
    """Somebody with an extension, who signs in with it and a PIN: what is their own, nothing else."""


_OTHERS_OWN: Final = frozenset({Permission.MAILBOX_OWN})

PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = MappingProxyType(
    {
        Role.ADMINISTRATOR: frozenset(Permission) - _OTHERS_OWN,
        Role.OPERATOR: frozenset(
            {
                Permission.SYSTEM_READ,
                Permission.USERS_READ,
                Permission.USERS_WRITE,
                Permission.PINS_WRITE,
                Permission.DEVICES_READ,
                Permission.DEVICES_WRITE,
                Permission.FORWARDING_READ,
                Permission.FORWARDING_WRITE,
                Permission.CALLS_READ,
                Permission.CALLS_WRITE,
                Permission.RIGHTS_READ,
                Permission.TRUNKS_READ,
                Permission.AUTHCODES_READ,
                Permission.VOICEMAIL_READ,
                Permission.VOICEMAIL_WRITE,
                Permission.MAIL_READ,
                Permission.PHONES_READ,
                Permission.PHONES_WRITE,
                Permission.FIRMWARE_READ,
                Permission.REPORTS_READ,
                Permission.ACCOUNT_OWN,
            }
        ),
        Role.SUPERVISOR: frozenset(
            {
                Permission.SYSTEM_READ,
                Permission.USERS_READ,
                Permission.DEVICES_READ,
                Permission.CALLS_READ,
                Permission.CALLS_WATCH,
                Permission.CALLS_RECORD,
                Permission.REPORTS_READ,
                Permission.ACCOUNT_OWN,
            }
        ),
        Role.AUDITOR: frozenset(
            {each for each in Permission if each.endswith(":read")} | {Permission.ACCOUNT_OWN}
        ),
        Role.USER: frozenset({Permission.ACCOUNT_OWN, Permission.MAILBOX_OWN}),
    }
)
"""What each role may; what does not stand here it may not."""

ADMINISTRATIVE: Final = frozenset(Role) - {Role.USER}
"""The roles that an account with a password may have: a user's is the extension's."""


def permits(role: Role | None, permission: Permission | None) -> bool:
    """Whether this role may do this; nobody has a permission without a role, or where none is named."""
    return role is not None and permission is not None and permission in PERMISSIONS[role]

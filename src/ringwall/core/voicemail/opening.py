"""Puts voice mail together from what the core has."""

from collections.abc import Callable
from dataclasses import dataclass

from ringwall.core.directory import DirectoryService
from ringwall.core.ledger import Ledger
from ringwall.core.store import Store
from ringwall.core.voicemail.bounds import MIB, Bounds
from ringwall.core.voicemail.drafts import Drafts
from ringwall.core.voicemail.house import House, Pins
from ringwall.core.voicemail.lists import Lists
from ringwall.core.voicemail.mailboxes import Mailboxes
from ringwall.core.voicemail.preferences import Preferences
from ringwall.core.voicemail.rights import MailboxRights, Policy
from ringwall.core.voicemail.room import Room
from ringwall.core.voicemail.service import VoiceMail
from ringwall.core.voicemail.stored import StoredRecords
from ringwall.core.voicemail.vault import PURPOSE, Files, Vault
from ringwall.infra.voicemail_settings import VoiceMail as Settings


@dataclass(frozen=True, slots=True)
class Ground:
    """What voice mail stands on. `derived` gives a key for a purpose; `clock` seconds since 1970."""

    store: Store
    ledger: Ledger
    directory: DirectoryService
    policy: Policy
    pins: Pins
    files: Files
    derived: Callable[[bytes], bytes]
    clock: Callable[[], float]


async def open_voice_mail(settings: Settings, ground: Ground) -> VoiceMail:
    """Read what is kept in memory, and return voice mail; raise StoreError."""
    mailboxes = await Mailboxes.open(
        StoredRecords(ground.store, ground.ledger),
        Vault(ground.derived(PURPOSE), ground.files),
        ground.directory,
        MailboxRights(ground.policy, ground.clock),
        bounds_of(settings),
        ground.clock,
    )
    room = Room(mailboxes)
    house = House(
        mailboxes,
        Drafts(mailboxes, room),
        room,
        Preferences(mailboxes, ground.directory, settings.operator),
        Lists(mailboxes, ground.directory),
        ground.pins,
        ground.clock,
    )
    return VoiceMail(house, enabled=settings.enabled)


def bounds_of(settings: Settings) -> Bounds:
    """The bounds that administrators set."""
    return Bounds(
        disk_bytes=settings.disk_megabytes * MIB,
        least_free_bytes=settings.least_free_megabytes * MIB,
        bin_messages=settings.bin_messages,
        bin_days=settings.bin_days,
        saved_days=settings.saved_days,
        shortest=settings.shortest_seconds,
        silence=settings.silence_seconds,
    )

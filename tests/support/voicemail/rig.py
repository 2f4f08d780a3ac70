"""A house with mailboxes, in memory or on a real store."""

from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from ringwall.core.directory.model import UserEntry
from ringwall.core.directory.snapshot import Directory
from ringwall.core.errors import CoreError, OperationError, StoreError
from ringwall.core.media.menu import Visitor
from ringwall.core.media.recordings import RecordingError
from ringwall.core.pins.service import Accepted, Locked, Wrong
from ringwall.core.voicemail.bounds import Bounds
from ringwall.core.voicemail.drafts import Drafts
from ringwall.core.voicemail.house import House
from ringwall.core.voicemail.lists import Lists
from ringwall.core.voicemail.mailboxes import Mailboxes
from ringwall.core.voicemail.model import Folder, Message, Recording
from ringwall.core.voicemail.preferences import Preferences
from ringwall.core.voicemail.records import Alarm, Greeting, Kept, Owned
from ringwall.core.voicemail.rights import MailboxRights
from ringwall.core.voicemail.room import Room
from ringwall.core.voicemail.service import VoiceMail
from ringwall.core.voicemail.vault import Vault
from ringwall.policy import LEAST_VOICE_MAIL, VoiceMailCos
from support.calls.rights import GROUP, RigRights
from support.events import told

START = 1_795_780_800.0  # 2026-11-27 12:00 UTC
ANNA, BERT, CARLA = "201", "202", "203"
PIN = "4839201"
STAFF_MAIL = VoiceMailCos("staff mail", max_messages=20, broadcast_list=True, system_lists=True)


@dataclass
class Clock:
    at: float = START

    def __call__(self) -> float:
        return self.at


class Files:
    """Recordings in memory: their keys and lengths."""

    def __init__(self) -> None:
        self.there: dict[str, tuple[bytes, float]] = {}
        self.free = 10**12
        self.broken = ""

    def write(self, name: str, key: bytes, seconds: float) -> None:
        self.there[name] = (key, seconds)

    def opened(self, name: str, key: bytes) -> None:
        assert self.there[name][0] == key, "a recording was played with a wrong key"

    async def finish(self, name: str, key: bytes) -> float:
        if self.broken:
            raise CoreError(self.broken)
        if name not in self.there:
            return 0.0
        self.opened(name, key)
        return self.there[name][1]

    async def sound(self, name: str, key: bytes):
        if name not in self.there:
            raise RecordingError("The recording cannot be read.")
        self.opened(name, key)
        for _ in range(round(self.there[name][1])):
            yield b"\xff" * 8000

    async def remove(self, name: str) -> None:
        if self.broken:
            raise CoreError(self.broken)
        self.there.pop(name, None)

    async def free_bytes(self) -> int:
        return self.free


@dataclass
class Memory:
    """`Records` in memory."""

    tables: dict[type, dict[object, object]] = field(default_factory=dict)
    noted: list[tuple[str, dict]] = field(default_factory=list)
    failing: bool = False

    def _table(self, kind):
        return self.tables.setdefault(kind, {})

    async def owned(self) -> Owned:
        return Owned()

    async def size(self) -> int:
        return 0

    async def messages(self, user_id):
        found = [one for one in self._table(Message).values() if one.user_id == user_id]
        return sorted(found, key=lambda one: one.received_at)

    async def drafts(self):
        return [one for one in self._table(Message).values() if one.folder is Folder.DRAFT]

    async def oldest_deleted(self, limit):
        found = [one for one in self._table(Message).values() if one.folder is Folder.DELETED]
        return sorted(found, key=lambda one: one.deleted_at)[:limit]

    async def expired(self, folder, before, limit):
        found = [one for one in self._table(Message).values() if one.folder is folder]
        at = "deleted_at" if folder is Folder.DELETED else "received_at"
        return [one for one in found if getattr(one, at) < before][:limit]

    async def recordings(self, names):
        table = self._table(Recording)
        return {name: table[name] for name in names if name in table}

    async def refuse(self, limit):
        named = {part for one in self._table(Message).values() for part in one.parts}
        named |= {one.recording for one in self._table(Greeting).values()}
        return [one for name, one in self._table(Recording).items() if name not in named][:limit]

    async def change(self, *, put=(), drop=(), records=()):
        if self.failing:
            raise StoreError("Nothing was stored. The disk is full.")
        for row in drop:
            self._table(type(row)).pop(_key(row), None)
        for row in put:
            self._table(type(row))[_key(row)] = row
        self.noted += records

    def entry(self, event):
        return told(event)

    def note(self, event):
        self.noted.append(told(event))


def _key(row):
    if isinstance(row, Recording):
        return row.name
    if isinstance(row, Greeting):
        return row.user_id, row.kind
    return (
        row.user_id
        if isinstance(row, Kept | Alarm)
        else getattr(row, "id", None) or (row.user_id, row.number)
    )


class People:
    """A directory service of which only the snapshot is there."""

    def __init__(self, users) -> None:
        self.snapshot = Directory(users)
        self._listeners = []

    def on_change(self, listener) -> None:
        self._listeners.append(listener)

    def user(self, extension):
        found = self.snapshot.by_extension.get(extension)
        if found is None:
            raise OperationError("not_found", "There is no user with this extension.", "extension")
        return found

    def remove(self, extension) -> None:
        old, self.snapshot = self.snapshot, self.snapshot.without_user(extension)
        for listener in self._listeners:
            listener(old, self.snapshot)


class Pins:
    """Everybody has the same PIN until they choose another."""

    def __init__(self) -> None:
        self.of: dict[str, str] = {}
        self.must_change: set[str] = set()
        self.warn: int | None = None
        self.locked = False
        self.asked: list[tuple[str, str, str, bool]] = []
        self.refuse = False

    async def check(self, extension, pin, source, *, own_phone=False):
        self.asked.append((extension, pin, source, own_phone))
        if self.locked:
            return Locked(1800.0)
        if pin != self.of.get(extension, PIN) or extension not in {ANNA, BERT, CARLA}:
            return Wrong()
        return Accepted(extension, self.warn, self.warn is not None, extension in self.must_change)

    async def choose(self, extension, pin, source):
        if self.refuse or not 6 <= len(pin) <= 16:
            raise OperationError("invalid", "A PIN has 6 to 16 digits.", "pin")
        self.of[extension] = pin
        self.must_change.discard(extension)


class Rig:
    """Anna, Bert and Carla with mailboxes, and what they stand on."""

    def __init__(self, **bounds) -> None:
        self.clock = Clock()
        self.files = Files()
        self.memory = Memory()
        self.pins = Pins()
        self.rights = RigRights()
        self.rights.change(
            voice_mail=(STAFF_MAIL, LEAST_VOICE_MAIL),
            groups=(replace(GROUP, voice_mail=STAFF_MAIL.name), *self.rights.parts.groups[1:]),
        )
        self.users = [UserEntry(1, ANNA, "Anna"), UserEntry(2, BERT, "Bert"), UserEntry(3, CARLA, "Carla")]
        for user in self.users:
            self.rights.user(user.extension, user.name)
        self.people = People(self.users)
        self.vault = Vault(b"k" * 32, self.files)
        mail_rights = MailboxRights(self.rights, self.clock)
        found = Owned(), 0
        self.mailboxes = Mailboxes(
            self.memory, self.vault, self.people, mail_rights, Bounds(**bounds), found, self.clock
        )
        self.room = Room(self.mailboxes)
        self.drafts = Drafts(self.mailboxes, self.room)
        self.preferences = Preferences(self.mailboxes, self.people)
        self.lists = Lists(self.mailboxes, self.people)
        self.house = House(
            self.mailboxes, self.drafts, self.room, self.preferences, self.lists, self.pins, self.clock
        )
        self.mail = VoiceMail(self.house)
        self.happened = []
        self.mailboxes.listeners.append(self.happened.append)

    def cos(self, **permissions) -> None:
        """Change the class of service for voice mail of everybody."""
        self.rights.change(voice_mail=(replace(STAFF_MAIL, **permissions), LEAST_VOICE_MAIL))

    def user(self, extension: str) -> UserEntry:
        return self.people.user(extension)

    def counts(self, extension: str):
        return self.mailboxes.counts(self.user(extension).id)

    async def message(self, to: str, seconds: float = 5.0, *, visitor=None, urgent=False, private=False):
        """Leave a message without a menu."""
        draft = await self.drafts.begin(to, visitor or inside(BERT))
        self.files.write(draft.recording.name, draft.key, seconds)
        self.clock.at += 60
        return await self.drafts.finish(draft, urgent=urgent, private=private)

    @asynccontextmanager
    async def box(self, extension: str):
        async with self.mailboxes.opened(self.user(extension)) as box:
            yield box

    async def messages(self, extension: str, folder: Folder) -> list[Message]:
        async with self.box(extension) as box:
            return box.of(folder)

    @property
    def records(self) -> list[str]:
        return [kind for kind, _ in self.memory.noted]


def inside(extension: str) -> Visitor:
    """Somebody at a phone inside."""
    return Visitor(extension=extension, device=f"d{extension}")


def outside(number: str = "+14085550123", name: str = "Stranger") -> Visitor:
    """Somebody who calls from outside."""
    return Visitor(number=number, name=name, trunk="t1")

"""The tables of voice mail, and how its values become rows.

Kept here:
- A message, its parts and its recording are written in one transaction, so that none is there without the
  others.
- A recording that no message and no greeting names any longer is refuse: `refuse` finds it, also after its
  user was removed. The row goes after the file.
"""

from collections.abc import Iterable
from typing import Any, Final

import orjson
from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    func,
    select,
)
from sqlalchemy.engine import Connection

from ringwall.core.store import schema
from ringwall.core.store.schema import Write
from ringwall.core.voicemail.model import Counts, Folder, MailboxSettings, MailList, Message, Recording
from ringwall.core.voicemail.records import Alarm, Greeting, Kept, Owned, Profile, Row


def _user(*, key: bool = True) -> "Column[Any]":
    return Column(
        "user_id",
        schema.Number,
        ForeignKey("users.id", ondelete="CASCADE"),
        primary_key=key,
        autoincrement=False,
        nullable=False,
        index=not key,
    )


recordings = Table(
    "vm_recordings",
    schema.metadata,
    Column("name", Text, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("size", schema.Number, nullable=False),
)
messages = Table(
    "vm_messages",
    schema.metadata,
    Column("id", Text, primary_key=True),
    _user(key=False),
    Column("folder", Text, nullable=False, index=True),
    Column("received_at", Float, nullable=False),
    Column("parts", Text, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("sender", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("private", Boolean, nullable=False),
    Column("heard_at", Float),
    Column("deleted_at", Float),
)
parts = Table(
    "vm_parts",
    schema.metadata,
    Column("recording", Text, ForeignKey("vm_recordings.name"), primary_key=True),
    Column(
        "message_id", Text, ForeignKey("vm_messages.id", ondelete="CASCADE"), primary_key=True, index=True
    ),
    Column("place", Integer, nullable=False),
)
greetings = Table(
    "vm_greetings",
    schema.metadata,
    _user(),
    Column("kind", Text, primary_key=True),
    Column("recording", Text, ForeignKey("vm_recordings.name"), nullable=False, index=True),
)
settings = Table("vm_settings", schema.metadata, _user(), Column("value", Text, nullable=False))
lists = Table(
    "vm_lists",
    schema.metadata,
    Column("id", Text, primary_key=True),
    # None for a list of the system.
    Column("owner", schema.Number, ForeignKey("users.id", ondelete="CASCADE")),
    Column("number", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("members", Text, nullable=False),
    UniqueConstraint("owner", "number"),
)
profiles = Table(
    "vm_profiles",
    schema.metadata,
    _user(),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("value", Text, nullable=False),
)
alarms = Table("vm_alarms", schema.metadata, _user(), Column("value", Text, nullable=False))

_TABLES: Final[dict[type, Table]] = {
    Recording: recordings,
    Message: messages,
    Greeting: greetings,
    Kept: settings,
    MailList: lists,
    Profile: profiles,
    Alarm: alarms,
}
_PUTS: Final = {kind: schema.upsert_of(table) for kind, table in _TABLES.items()}
_DROPS: Final = {kind: schema.delete_of(table) for kind, table in _TABLES.items()}
_PUT_PART: Final = schema.upsert_of(parts)


def put(values: Iterable[Row]) -> list[Write]:
    """Return the writes that store these values; equal statements stand together, which makes them one."""
    found: dict[type, list[Write]] = {kind: [] for kind in _TABLES}
    of_parts: list[Write] = []
    for row in values:
        found[type(row)].append((_PUTS[type(row)], _values(row)))
        if isinstance(row, Message):
            for place, recording in enumerate(row.parts):
                part = {"recording": recording, "message_id": row.id, "place": place}
                of_parts.append((_PUT_PART, part))
    return [*(write for writes in found.values() for write in writes), *of_parts]


def drop(row: Row) -> Write:
    """Return the write that removes a value."""
    table, values = _TABLES[type(row)], _values(row)
    keys = [column.name for column in table.primary_key.columns]
    return _DROPS[type(row)], {name: values[name] for name in keys}


def _values(row: Row) -> dict[str, Any]:
    match row:
        case Kept():
            return {"user_id": row.user_id, "value": _json(row.settings.to_value())}
        case Profile() | Alarm():
            given = {name: getattr(row, name) for name in row.__slots__}
            return {**given, "value": _json(row.value)}
        case Message():
            return {**_slots(row), "parts": _json(row.parts), "folder": row.folder.value}
        case MailList():
            return {**_slots(row), "members": _json(row.members)}
        case _:
            return _slots(row)


def _slots(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__slots__}


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


# Reading


def load_messages(connection: Connection, user_id: int) -> list[Message]:
    """All messages of a mailbox, oldest first."""
    query = select(messages).where(messages.c.user_id == user_id)
    rows = connection.execute(query.order_by(messages.c.received_at, messages.c.id)).mappings()
    return [_message(row) for row in rows]


def load_drafts(connection: Connection) -> list[Message]:
    """All messages that were being recorded when the process before this one ended."""
    query = select(messages).where(messages.c.folder == Folder.DRAFT.value)
    return [_message(row) for row in connection.execute(query).mappings()]


def load_oldest_deleted(connection: Connection, limit: int) -> list[Message]:
    """The deleted messages of all mailboxes that were deleted first."""
    query = select(messages).where(messages.c.folder == Folder.DELETED.value)
    query = query.order_by(messages.c.deleted_at, messages.c.id).limit(limit)
    return [_message(row) for row in connection.execute(query).mappings()]


def load_expired(connection: Connection, folder: Folder, before: float, limit: int) -> list[Message]:
    """Messages of a folder that are older than a time; of the bin, deleted before it."""
    at = messages.c.deleted_at if folder is Folder.DELETED else messages.c.received_at
    query = select(messages).where(messages.c.folder == folder.value, at < before)
    return [_message(row) for row in connection.execute(query.order_by(at).limit(limit)).mappings()]


def load_recordings(connection: Connection, names: tuple[str, ...]) -> dict[str, Recording]:
    """Recordings by their names; what is not there is left out."""
    query = select(recordings).where(recordings.c.name.in_(names))
    return {row["name"]: Recording(**row) for row in connection.execute(query).mappings()}


def load_refuse(connection: Connection, limit: int) -> list[Recording]:
    """Recordings that nothing names."""
    query = select(recordings).where(
        ~select(parts).where(parts.c.recording == recordings.c.name).exists(),
        ~select(greetings).where(greetings.c.recording == recordings.c.name).exists(),
    )
    return [Recording(**row) for row in connection.execute(query.limit(limit)).mappings()]


def load_size(connection: Connection) -> int:
    """Bytes of all recordings."""
    return int(connection.execute(select(func.coalesce(func.sum(recordings.c.size), 0))).scalar_one())


def load_owned(connection: Connection) -> Owned:
    """What is kept in memory: counts, settings, greetings, lists, profiles and alarms of all users."""
    owned = Owned()
    counted = select(
        messages.c.user_id, messages.c.folder, messages.c.urgent, func.count().label("how_many")
    ).group_by(messages.c.user_id, messages.c.folder, messages.c.urgent)
    found: dict[int, dict[str, int]] = {}
    for row in connection.execute(counted):
        of_user = found.setdefault(row.user_id, {})
        names = {Folder.DRAFT: "drafts", Folder.DELETED: "deleted"}
        name = names.get(Folder(row.folder), str(row.folder))
        of_user[name] = of_user.get(name, 0) + row.how_many
        if row.urgent and name in {"new", "saved"}:
            of_user[f"{name}_urgent"] = row.how_many
    owned.counts = {user: Counts(**values) for user, values in found.items()}
    for row in connection.execute(select(settings)):
        owned.settings[row.user_id] = MailboxSettings.of(orjson.loads(row.value))
    for row in connection.execute(select(greetings)):
        owned.greetings[row.user_id, row.kind] = row.recording
    for row in connection.execute(select(lists)):
        members = tuple(orjson.loads(row.members))
        owned.lists[row.id] = MailList(row.id, row.owner, row.number, row.name, members)
    for row in connection.execute(select(profiles)):
        owned.profiles[row.user_id, row.number] = orjson.loads(row.value)
    for row in connection.execute(select(alarms)):
        owned.alarms[row.user_id] = orjson.loads(row.value)
    return owned


def _message(row: Any) -> Message:
    return Message(**{**row, "folder": Folder(row["folder"]), "parts": tuple(orjson.loads(row["parts"]))})

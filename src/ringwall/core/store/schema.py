"""The tables, and the two kinds of write that call control makes all day.

Kept here:
- Only what both SQLite and PostgreSQL understand.
- Tables that call control writes to (`bindings`, `live_calls`) have no foreign keys: their writes are queued
  and may arrive after the user or device that they belong to is gone. Whoever reads them drops such orphans.
- A write of a row of these tables carries the whole row. So of several writes to one row within a group
  commit only the last has to be made, which is what their `ringwall_key` option tells the writer.
"""

from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Executable,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    false,
    text,
)
from sqlalchemy.engine import Connection

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite keeps rows in the order of an INTEGER PRIMARY KEY only; a BIGINT one would be a second index.
Number = BigInteger().with_variant(Integer, "sqlite")

organisations = Table(
    "organisations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    # Users and devices draw their numbers from here, so that the number of a removed one never comes back.
    Column("next_number", Number, nullable=False),
)

# By what the database knows the keys that it belongs to.
system_keys = Table(
    "system_keys",
    metadata,
    Column("name", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
)

# Classes of service hold their permissions as one JSON object: it is read and written as a whole, checked
# by the policy's own value type each time, and asked by nobody in SQL; a permission that comes later needs
# no new column.
cos_telephony = Table(
    "cos_telephony",
    metadata,
    Column("name", Text, primary_key=True),
    Column("permissions", Text, nullable=False),
)

cos_call = Table(
    "cos_call",
    metadata,
    Column("name", Text, primary_key=True),
    Column("permissions", Text, nullable=False),
)

cos_voice_mail = Table(
    "cos_voice_mail",
    metadata,
    Column("name", Text, primary_key=True),
    Column("permissions", Text, nullable=False),
)

# In the tables below a column that holds a list holds it as JSON.
sites = Table(
    "sites",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("area_codes", Text, nullable=False),
    Column("local_area_codes", Text, nullable=False),
    Column("emergency_numbers", Text, nullable=False),
    Column("access_code", Text, nullable=False),
    Column("unassigned_emergency", Boolean, nullable=False),
    Column("location", Text, nullable=False),
    Column("notify", Text, nullable=False),
    Column("callback_number", Text, nullable=False),
    Column("proxy", Text, ForeignKey("sites.id")),
)

user_groups = Table(
    "user_groups",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("telephony", Text, ForeignKey("cos_telephony.name"), nullable=False),
    Column("call", Text, ForeignKey("cos_call.name"), nullable=False),
    Column("voice_mail", Text, ForeignKey("cos_voice_mail.name"), nullable=False),
    Column("trunk_groups", Text, nullable=False),
    Column("codes", Text, nullable=False),
    Column("emergency_caller_id", Boolean, nullable=False),
    Column("emergency_did", Boolean, nullable=False),
    Column("limits", Text, ForeignKey("limits.name")),
)

# What may be called and spent: settings that are not there have the policy's own value.
limits = Table(
    "limits",
    metadata,
    Column("name", Text, primary_key=True),
    Column("permissions", Text, nullable=False),
)

# Ranges of numbers that are dear or abused wherever they are called from.
danger_ranges = Table(
    "danger_ranges",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
)

# Extensions that are not a person's.
inside_objects = Table(
    "inside_objects",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("group", Text, ForeignKey("user_groups.id")),
    Column("site", Text, ForeignKey("sites.id")),
    Column("members", Text, nullable=False, server_default="[]"),
    Column("ringing", Text, nullable=False, server_default="top down"),
    Column("member_seconds", Integer, nullable=False, server_default="12"),
    Column("seconds", Integer, nullable=False, server_default="36"),
    Column("skip_busy", Boolean, nullable=False, server_default=false()),
    Column("busy", Boolean, nullable=False, server_default=false()),
    Column("busy_to", Text, nullable=False, server_default=""),
    Column("no_answer_to", Text, nullable=False, server_default=""),
)

trunk_groups = Table(
    "trunk_groups",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("site", Text, ForeignKey("sites.id"), nullable=False),
    Column("access_code", Text, nullable=False),
    Column("services", Text, nullable=False),
    Column("area_codes", Text, nullable=False),
    Column("tandem_group", Text, ForeignKey("user_groups.id")),
    Column("max_calls", Integer, nullable=False),
)

trunks = Table(
    "trunks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("trunk_group", Text, ForeignKey("trunk_groups.id"), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("host", Text, nullable=False),
    Column("port", Integer, nullable=False),
    Column("transport", Text, nullable=False),
    Column("media", Text, nullable=False),
    Column("allow_clear_text", Boolean, nullable=False),
    Column("certificate_name", Text, nullable=False),
    Column("authority", Text, nullable=False),
    Column("sources", Text, nullable=False),
    Column("registers", Boolean, nullable=False),
    Column("register_seconds", Integer, nullable=False),
    Column("username", Text, nullable=False),
    Column("domain", Text, nullable=False),
    Column("number_format", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("caller_id", Text, nullable=False),
    Column("caller_number", Text, nullable=False),
    Column("asserted_identity", Boolean, nullable=False),
    Column("did_ranges", Text, nullable=False),
    Column("did_digits", Integer, nullable=False),
    Column("options_seconds", Integer, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("max_calls", Integer, nullable=False),
    # The password of the digest login, encrypted with core/secrets.key.
    Column("sealed", LargeBinary),
)

auth_codes = Table(
    "auth_codes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("owner", Text, index=True),
    Column("scope", Text),
    Column("wildcard", Integer, nullable=False),
    Column("wildcard_may_exceed", Boolean, nullable=False),
    Column("locked", Boolean, nullable=False),
    # HMAC-SHA256 of the digits with core/secrets.key; a wildcard code has none.
    Column("sealed", LargeBinary, unique=True),
)

users = Table(
    "users",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=False),
    Column("extension", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    # Without group or site there is nothing but inside and emergency calls.
    Column("group_id", Text, ForeignKey("user_groups.id")),
    Column("site_id", Text, ForeignKey("sites.id")),
    Column("did", Text, nullable=False, server_default=""),
    Column("caller_id", Text, nullable=False, server_default=""),
    Column("no_pickup", Boolean, nullable=False, server_default=false()),
    Column("locked", Boolean, nullable=False, server_default=false()),
)

devices = Table(
    "devices",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=False),
    # A desk phone at which nobody is logged in has no user.
    Column("user_id", Number, ForeignKey("users.id", ondelete="CASCADE"), index=True),
    Column("username", Text, nullable=False, unique=True),
    Column("label", Text, nullable=False),
    Column("ha1_sha256", Text, nullable=False),
    Column("ha1_md5", Text),
    Column("legacy", Boolean, nullable=False),
    Column("created_at", Float, nullable=False),
)

# Desk phones that are set up by us, each with the number of its device; core/phones knows what they mean.
phones = Table(
    "phones",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=False),
    Column("mac", Text, nullable=False, unique=True),
    Column("state", Text, nullable=False),
    Column("vendor", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("identity", Text, nullable=False),
    Column("expected", Boolean, nullable=False),
    # Counts what its secret address is made of: another number, another address.
    Column("generation", Integer, nullable=False),
    # SHA-256 of the certificate that we gave it.
    Column("certificate", Text, nullable=False),
    Column("site_id", Text, ForeignKey("sites.id")),
    Column("group_id", Text, ForeignKey("user_groups.id")),
    Column("location", Text, nullable=False),
    Column("callback_number", Text, nullable=False),
    Column("user_id", Number, ForeignKey("users.id", ondelete="SET NULL")),
    Column("home_id", Number, ForeignKey("users.id", ondelete="SET NULL"), index=True),
    Column("owner_waits", Boolean, nullable=False),
    Column("legacy", Boolean, nullable=False),
    Column("code_digest", Text, nullable=False),
    Column("code_until", Float, nullable=False),
    Column("code_source", Text, nullable=False),
    Column("created_at", Float, nullable=False),
)

bindings = Table(
    "bindings",
    metadata,
    Column("device_id", Number, primary_key=True, autoincrement=False),
    Column("contact", Text, primary_key=True),
    Column("user_id", Number, nullable=False),
    Column("path", Text, nullable=False),
    Column("flow", Text, nullable=False),
    Column("instance_id", Text, nullable=False),
    Column("reg_id", Integer, nullable=False),
    Column("call_id", Text, nullable=False),
    Column("cseq", Number, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("received_at", Float, nullable=False),
    Column("capabilities", Text, nullable=False, server_default=""),
)

# Where people's calls go; numbers as their users dial them, empty for none.
forwardings = Table(
    "forwardings",
    metadata,
    Column(
        "user_id", Number, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    ),
    Column("always", Text, nullable=False),
    Column("busy", Text, nullable=False),
    Column("no_answer", Text, nullable=False),
    Column("seconds", Integer, nullable=False),
    Column("find_me", Text, nullable=False, server_default="[]"),
)

# Mail that waits for the mail server, and what it did not take. One row for each recipient.
mail = Table(
    "mail",
    metadata,
    Column("id", Text, primary_key=True),
    Column("created_at", Float, nullable=False),
    Column("next_at", Float, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("undelivered_at", Float),
    Column("why", Text, nullable=False),
    Column("message", LargeBinary, nullable=False),
)

live_calls = Table(
    "live_calls",
    metadata,
    Column("call_id", Text, primary_key=True),
    Column("started", Float, nullable=False),
    Column("body", Text, nullable=False),
    # What holds SRTP keys, sealed with a key that is never in a database (`call_keys`).
    Column("sealed", LargeBinary, nullable=False),
)

ledger = Table(
    "ledger",
    metadata,
    Column("seq", Number, primary_key=True, autoincrement=False),
    Column("at", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("previous", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

# `number` is 1, 2, 3, ...: what is missing among them is seen.
ledger_checkpoints = Table(
    "ledger_checkpoints",
    metadata,
    Column("seq", Number, primary_key=True, autoincrement=False),
    Column("at", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("number", Number, nullable=False, server_default=text("0")),
)

# One row: the signed end of the ledger, moved in the same transaction as the records it covers.
# `checkpoints` is how many there are; nothing where a version signed that did not number them.
ledger_head = Table(
    "ledger_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Number, nullable=False),
    Column("at", Text, nullable=False),
    Column("previous", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("checkpoints", Number),
)

Write = tuple[Executable, dict[str, Any]]


def upsert_of(table: Table) -> Executable:
    """Return `INSERT ... ON CONFLICT DO UPDATE` of all columns, in the words that both engines share."""
    names = [column.name for column in table.columns]
    keys = [column.name for column in table.primary_key.columns]
    changes = ", ".join(f"{name} = excluded.{name}" for name in names if name not in keys)
    sql = (
        f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})"  # noqa: S608
        f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {changes}"
    )
    return _keyed(text(sql), table)


def delete_of(table: Table) -> Executable:
    """Return `DELETE` of one row by its primary key."""
    keys = [column.name for column in table.primary_key.columns]
    sql = f"DELETE FROM {table.name} WHERE {' AND '.join(f'{key} = :{key}' for key in keys)}"  # noqa: S608
    return _keyed(text(sql), table)


def _keyed(statement: Executable, table: Table) -> Executable:
    keys = tuple(column.name for column in table.primary_key.columns)
    return statement.execution_options(ringwall_lane=table.name, ringwall_key=keys)


_BINDING_UPSERT = upsert_of(bindings)
_BINDING_DELETE = delete_of(bindings)
_LIVE_CALL_UPSERT = upsert_of(live_calls)
_LIVE_CALL_DELETE = delete_of(live_calls)


def binding_upsert(
    *,
    device_id: int,
    contact: str,
    user_id: int,
    path: list[str],
    flow: str,
    instance_id: str,
    reg_id: int,
    call_id: str,
    cseq: int,
    expires_at: float,
    user_agent: str,
    received_at: float,
    capabilities: str = "",
) -> Write:
    """Return the write that stores one binding; (device_id, contact) names it. Times are Unix seconds."""
    return _BINDING_UPSERT, {
        "device_id": device_id,
        "contact": contact,
        "user_id": user_id,
        "path": orjson.dumps(path).decode(),
        "flow": flow,
        "instance_id": instance_id,
        "reg_id": reg_id,
        "call_id": call_id,
        "cseq": cseq,
        "expires_at": expires_at,
        "user_agent": user_agent,
        "received_at": received_at,
        "capabilities": capabilities,
    }


def binding_delete(*, device_id: int, contact: str) -> Write:
    """Return the write that removes one binding."""
    return _BINDING_DELETE, {"device_id": device_id, "contact": contact}


def live_call_upsert(*, call_id: str, started: float, body: Mapping[str, Any], sealed: bytes) -> Write:
    """Return the write that stores a call as it is now.

    The body is made JSON here, so it may change afterwards. It has no SRTP key; `sealed` has what does.
    """
    return _LIVE_CALL_UPSERT, {
        "call_id": call_id,
        "started": started,
        "body": orjson.dumps(body).decode(),
        "sealed": sealed,
    }


def live_call_delete(*, call_id: str) -> Write:
    """Return the write that removes a call that has ended."""
    return _LIVE_CALL_DELETE, {"call_id": call_id}


def load_bindings(connection: Connection) -> list[dict[str, Any]]:
    """Return all bindings whose device is there, each as the arguments of `binding_upsert`."""
    known = connection.execute(devices.select().with_only_columns(devices.c.id)).scalars()
    alive = set(known)
    rows = connection.execute(bindings.select()).mappings()
    return [{**row, "path": orjson.loads(row["path"])} for row in rows if row["device_id"] in alive]


def load_live_calls(connection: Connection) -> list[dict[str, Any]]:
    """Return all live calls, oldest first, each as the arguments of `live_call_upsert`."""
    rows = connection.execute(live_calls.select().order_by(live_calls.c.started)).mappings()
    return [{**row, "body": orjson.loads(row["body"])} for row in rows]

"""Phones in the database."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from ringwall.core.phones.model import Enrolment, Identity, PhoneEntry
from ringwall.core.phones.states import State
from ringwall.core.store import schema
from ringwall.core.store.schema import Write

_UPSERT = schema.upsert_of(schema.phones)
_DELETE = schema.delete_of(schema.phones)


def put(phone: PhoneEntry) -> Write:
    """Return the write that stores a phone as it is."""
    enrolment = phone.enrolment
    return _UPSERT, {
        "id": phone.id,
        "mac": phone.mac,
        "state": phone.state.value,
        "vendor": phone.vendor,
        "model": phone.model,
        "label": phone.label,
        "identity": phone.identity.value,
        "expected": phone.expected,
        "generation": phone.generation,
        "certificate": phone.certificate,
        "site_id": phone.site,
        "group_id": phone.group,
        "location": phone.location,
        "callback_number": phone.callback_number,
        "user_id": phone.user,
        "home_id": phone.home,
        "owner_waits": phone.owner_waits,
        "legacy": phone.legacy,
        "code_digest": enrolment.code_digest if enrolment is not None else "",
        "code_until": enrolment.until if enrolment is not None else 0.0,
        "code_source": enrolment.source if enrolment is not None else "",
        "created_at": phone.created_at,
    }


def remove(phone: PhoneEntry) -> Write:
    """Return the write that removes a phone."""
    return _DELETE, {"id": phone.id}


def load(connection: Connection) -> list[PhoneEntry]:
    """Return all phones."""
    return [_phone(row) for row in connection.execute(select(schema.phones))]


def _phone(row: Any) -> PhoneEntry:
    enrolment = Enrolment(row.code_digest, row.code_until, row.code_source) if row.code_digest else None
    return PhoneEntry(
        id=row.id,
        mac=row.mac,
        state=State(row.state),
        vendor=row.vendor,
        model=row.model,
        label=row.label,
        identity=Identity(row.identity),
        expected=row.expected,
        generation=row.generation,
        certificate=row.certificate,
        site=row.site_id,
        group=row.group_id,
        location=row.location,
        callback_number=row.callback_number,
        user=row.user_id,
        home=row.home_id,
        owner_waits=row.owner_waits,
        legacy=row.legacy,
        enrolment=enrolment,
        created_at=row.created_at,
    )

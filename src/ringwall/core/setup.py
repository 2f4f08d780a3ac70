"""The first run.

Brings the database up to date and, where there is none yet, makes organisation and administrator.

`python -m ringwall.core.setup --data DIR` prints one JSON object on standard output: `created`,
`administrator` and `password`. The password is there once, when it was made, and nowhere else.
"""

import argparse
import asyncio
import secrets
import sys
import time
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import func, insert, select
from sqlalchemy.engine import Connection

from ringwall.core.api.passwords import hash_password
from ringwall.core.directory.credentials import random_password
from ringwall.core.errors import LedgerError
from ringwall.core.ledger.chain import load_key, make_key
from ringwall.core.ledger.ledger import Ledger
from ringwall.core.store import Store, schema
from ringwall.core.store.engine import sqlite_url
from ringwall.infra.errors import RingwallError
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings

ADMINISTRATOR = "admin"


async def set_up(layout: Layout, settings: Settings) -> dict[str, Any]:
    """Prepare the database; return `created`, `administrator` and, where it was made now, its `password`.

    Raises StoreError or LedgerError with what to do. May be run again at any time, also after it was
    interrupted: organisation, administrator and the first record stand in one transaction.
    """
    store = await Store.open(sqlite_url(layout.database))
    try:
        organisations, records = await store.read(_counts)
        if organisations:
            load_key(layout.ledger_key)
            return {"created": False, "administrator": ADMINISTRATOR, "password": None}
        if records:
            raise LedgerError(
                f"{layout.database} has a ledger but no organisation: restore it from a backup."
            )
        return await _create(store, layout, settings)
    finally:
        await store.close()


async def _create(store: Store, layout: Layout, settings: Settings) -> dict[str, Any]:
    key = load_key(layout.ledger_key) if layout.ledger_key.exists() else make_key(layout.ledger_key)
    organisation = secrets.token_hex(16)
    name = settings.organisation.name
    password = random_password()
    now = time.time()
    ledger = Ledger.begin(store, key, organisation)
    await store.commit(
        [
            (
                insert(schema.organisations),
                {"id": organisation, "name": name, "created_at": now, "next_number": 1},
            ),
            (
                insert(schema.administrators),
                {"name": ADMINISTRATOR, "password_hash": hash_password(password), "created_at": now},
            ),
            ledger.entry("system.created", organisation=organisation, name=name, signed_by=ledger.public_key),
            ledger.entry("admin.administrator.added", actor=None, before=None, after={"name": ADMINISTRATOR}),
        ]
    )
    return {"created": True, "administrator": ADMINISTRATOR, "password": password}


def _counts(connection: Connection) -> tuple[int, int]:
    def count(table: Any) -> int:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())

    return count(schema.organisations), count(schema.ledger)


def main() -> int:
    """Run once; exit code 0, or 1 with a sentence on standard error."""
    parser = argparse.ArgumentParser(prog="ringwall.core.setup")
    parser.add_argument("--data", type=Path, required=True, help="the data directory")
    try:
        layout = Layout.of(parser.parse_args().data)
        done = asyncio.run(set_up(layout, Settings.load(layout)))
    except RingwallError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(orjson.dumps(done).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

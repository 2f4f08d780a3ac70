"""The first run.

Brings the database up to date and, where there is none yet, makes organisation and administrator.

`python -m ringwall.core.setup --data DIR` prints one JSON object on standard output: `created`,
`administrator` and `password`. The password is there once, when it was made, and nowhere else.

Rules that this module keeps:
- A system is made only where there is neither a database with anything in it nor a key. New keys have another
  name until the database knows them, so a start that was interrupted goes on and loses nothing.
- Everywhere else what is there has to be whole: it is looked through, and nothing is made in its place.
"""

import argparse
import asyncio
import secrets
import sys
import time
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import insert

from ringwall.core import wholeness
from ringwall.core.identity.accounts import Account, account_write
from ringwall.core.identity.passwords import hash_password, random_password
from ringwall.core.identity.permissions import Role
from ringwall.core.ledger.chain import make_key, public_hex
from ringwall.core.ledger.ledger import Ledger
from ringwall.core.ledger.memory import Memory
from ringwall.core.rights.keys import Keys
from ringwall.core.store import Store, schema
from ringwall.core.store.engine import sqlite_url
from ringwall.events.admin import AdminAdministratorAdded
from ringwall.events.system import SystemCreated
from ringwall.infra.errors import RingwallError
from ringwall.infra.files import sync_directory
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings
from ringwall.infra.wholeness import write_ahead_log

ADMINISTRATOR = "admin"
LARGEST_LOOKED_THROUGH = 1 << 30
"""Bytes of a database that is looked through at each start; a larger one by `ringwall doctor` alone."""


async def set_up(layout: Layout, settings: Settings) -> dict[str, Any]:
    """Prepare the database; return `created`, `administrator` and, where it was made now, its `password`.

    Raises StoreError, LedgerError or DataError with what to do. May be run again at any time, also after it
    was interrupted: organisation, administrator and the first record stand in one transaction.
    """
    if _is_new(layout):
        return await _create(layout, settings)
    _finish_keys(layout)
    wholeness.require(layout)
    store = await Store.open(sqlite_url(layout.database), new=False)
    try:
        if layout.database.stat().st_size <= LARGEST_LOOKED_THROUGH:
            await asyncio.to_thread(wholeness.require_sound, layout, store.engine)
        await check(store, layout)
        return {"created": False, "administrator": ADMINISTRATOR, "password": None}
    finally:
        await store.close()


async def check(store: Store, layout: Layout) -> None:
    """Raise DataError where the database is not whole or the keys are not its own; learn those it lacks."""
    await store.read(lambda connection: wholeness.require_tables(layout, connection))
    unknown = await store.read(lambda connection: wholeness.require_keys(layout, connection))
    if unknown:
        await store.commit(unknown)


def _is_new(layout: Layout) -> bool:
    """Whether nothing of a core is there, but for what a first start left that was interrupted."""
    log = write_ahead_log(layout)
    if layout.ledger_key.exists() or layout.secrets_key.exists():
        return False
    if not layout.database.exists() or layout.database.stat().st_size == 0:
        return not log.exists() or log.stat().st_size == 0
    return wholeness.is_without_organisation(layout.database)


def _unfinished(path: Path) -> Path:
    return path.with_name(path.name + ".new")


def _finish_keys(layout: Layout) -> None:
    """Give keys their names that the database knows already."""
    for path in (layout.ledger_key, layout.secrets_key):
        if _unfinished(path).exists() and not path.exists():
            _unfinished(path).replace(path)
    sync_directory(layout.core)


async def _create(layout: Layout, settings: Settings) -> dict[str, Any]:
    for path in (layout.ledger_key, layout.secrets_key):
        _unfinished(path).unlink(missing_ok=True)  # the database knows it not
    key, sealing = make_key(_unfinished(layout.ledger_key)), Keys.make(_unfinished(layout.secrets_key))
    organisation = secrets.token_hex(16)
    name = settings.organisation.name
    password = random_password()
    now = time.time()
    known = {wholeness.LEDGER: public_hex(key.public_key()), wholeness.SECRETS: sealing.fingerprint}
    first = Account(1, ADMINISTRATOR, Role.ADMINISTRATOR, hash_password(password), now, now)
    store = await Store.open(sqlite_url(layout.database))
    try:
        ledger = Ledger.begin(store, key, organisation, Memory(layout.ledger_mark, key))
        await store.commit(
            [
                (
                    insert(schema.organisations),
                    {"id": organisation, "name": name, "created_at": now, "next_number": 1},
                ),
                account_write(first),
                *wholeness.writes(known),
                ledger.entry(
                    SystemCreated(organisation=organisation, name=name, signed_by=ledger.public_key)
                ),
                ledger.entry(
                    AdminAdministratorAdded(
                        actor=None, before=None, after={"name": first.name, "role": str(first.role)}
                    )
                ),
            ]
        )
        _finish_keys(layout)
        await check(store, layout)
    finally:
        await store.close()
    return {"created": True, "administrator": ADMINISTRATOR, "password": password}


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

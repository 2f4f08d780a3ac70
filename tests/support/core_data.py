"""A store, a ledger and a directory in a folder of their own."""

import functools
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import insert

from ringwall.core.directory import DirectoryService
from ringwall.core.ledger import Ledger
from ringwall.core.ledger.chain import load_key, make_key
from ringwall.core.ledger.memory import Memory
from ringwall.core.operations import Actor
from ringwall.core.rights.keys import Keys
from ringwall.core.rights.service import RightsService
from ringwall.core.store import Store, schema
from ringwall.core.store.engine import open_engine
from ringwall.core.store.migrate import migrate

ADMIN = Actor("local", "root", "local")
REALM = "phones.example.com"


@dataclass
class Core:
    """What the tests of the core stand on."""

    folder: Path
    store: Store
    ledger: Ledger
    directory: DirectoryService

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder}/ringwall.db"


@functools.cache
def _tables() -> bytes:
    """A database with all tables and nothing in them.

    Making the tables takes longer than most tests; tests/unit/core/store tests that.
    """
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "ringwall.db"
        engine = open_engine(f"sqlite:///{made}")
        migrate(engine)
        engine.dispose()
        return made.read_bytes()


def make_tables(database: Path) -> None:
    """Put a database with all tables and nothing in them where there is none yet."""
    if not database.exists():
        database.write_bytes(_tables())
        database.chmod(0o600)


async def open_core(folder: Path, *, interval: float = 0.001) -> Core:
    """Open a core's data, making it where the folder is empty."""
    url = f"sqlite:///{folder}/ringwall.db"
    new = not (folder / "ledger.key").exists()
    make_tables(folder / "ringwall.db")
    store = await Store.open(url, interval=interval)
    if new:
        row = {"id": uuid.uuid4().hex, "name": "Test", "created_at": 1.0, "next_number": 1}
        await store.commit([(insert(schema.organisations), row)])
        made = make_key(folder / "ledger.key")
        Ledger.begin(store, made, row["id"], Memory(folder / "ledger.mark", made))
    key = load_key(folder / "ledger.key")
    ledger = await Ledger.open(store, key, Memory(folder / "ledger.mark", key))
    return Core(folder, store, ledger, await DirectoryService.open(store, ledger, REALM))


async def open_rights(core: Core) -> RightsService:
    """Open what says who may do what, beside the directory of a core."""
    key = core.folder / "secrets.key"
    if not key.exists():
        Keys.make(key)
    return await RightsService.open(core.store, core.ledger, core.directory, key)

"""A store, a ledger and a directory in a folder of their own."""

import uuid
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import insert

from ringwall.core.directory import DirectoryService
from ringwall.core.ledger import Ledger
from ringwall.core.ledger.chain import load_key, make_key
from ringwall.core.operations import Actor
from ringwall.core.rights.service import RightsService
from ringwall.core.store import Store, schema

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


async def open_core(folder: Path, *, interval: float = 0.001) -> Core:
    """Open a core's data, making it where the folder is empty."""
    url = f"sqlite:///{folder}/ringwall.db"
    new = not (folder / "ledger.key").exists()
    store = await Store.open(url, interval=interval)
    if new:
        row = {"id": uuid.uuid4().hex, "name": "Test", "created_at": 1.0, "next_number": 1}
        await store.commit([(insert(schema.organisations), row)])
        make_key(folder / "ledger.key")
    ledger = await Ledger.open(store, load_key(folder / "ledger.key"))
    return Core(folder, store, ledger, await DirectoryService.open(store, ledger, REALM))


async def open_rights(core: Core) -> RightsService:
    """Open what says who may do what, beside the directory of a core."""
    return await RightsService.open(core.store, core.ledger, core.directory, core.folder / "secrets.key")

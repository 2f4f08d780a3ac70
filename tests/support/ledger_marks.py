"""A core's ledger with its mark, an edge that is a witness of it, and the hands of the database's owner."""

import sqlite3
from contextlib import asynccontextmanager
from pathlib import Path

from ringwall.core.errors import EdgeRefused, EdgeUnavailable
from ringwall.core.ledger import operations as ledger_operations
from ringwall.core.ledger.apart import verify_database
from ringwall.core.ledger.chain import load_key, public_hex
from ringwall.core.ledger.keeper import MarkKeeper
from ringwall.core.ledger.verdict import Kept
from ringwall.core.ledger.witnesses import EdgeWitness
from ringwall.core.operations import Operations
from ringwall.edge.agent.ledger_marks import LedgerMarks
from ringwall.infra.errors import RingwallError
from support.core_data import ADMIN, open_core
from support.events import Made

RECORDS = 24
FILE = "core/ledger.mark"
EDGE = "the edge agent of edge.test"


class Wire:
    """The control link to a real agent's witness, without the wire."""

    def __init__(self, folder: Path) -> None:
        self.marks = LedgerMarks(folder / "ledger-marks.json")
        self.marks.load()
        self.away = False
        self.asked = []

    async def call(self, op):
        self.asked.append("tell" if "evidence" in op else "ask")
        if self.away:
            raise EdgeUnavailable("the control link to the edge is down")
        try:
            return await self.marks.witness(op)
        except RingwallError as error:
            raise EdgeRefused(str(error)) from None


class System:
    """A core's ledger with its mark and one edge."""

    def __init__(self, folder: Path, core, wire: Wire) -> None:
        self.folder = folder
        self.core = core
        self.wire = wire
        self.ledger = core.ledger
        self.memory = core.ledger.memory
        self.keeper = MarkKeeper(
            self.ledger, self.memory, [EdgeWitness(wire, "edge.test", self.ledger.public_key)]
        )
        self.operations = Operations(core.ledger)
        ledger_operations.register(self.operations, core.store, core.ledger, self.keeper)

    async def write(self, count=1):
        for number in range(count):
            await self.ledger.record_durably(Made("call.ended", number=number))

    async def verify(self):
        return await self.operations.run("ledger.verify", None, ADMIN)

    async def acknowledge(self, reason="restored from a backup"):
        return await self.operations.run("ledger.acknowledge", {"reason": reason}, ADMIN)

    async def bodies(self, kind):
        await self.ledger.record_durably(Made("system.test"))  # what was queued before is on the disk then
        return [each["body"] for each in await self.ledger.tail(0, 1000, kind)]

    async def mismatches(self):
        return await self.bodies("security.ledger_mismatch")


@asynccontextmanager
async def running(folder: Path):
    """A core as it runs: it ends in good order, with its last mark."""
    core = await open_core(folder)
    system = System(folder, core, Wire(folder))
    try:
        yield system
    finally:
        await system.keeper.keep()
        await core.store.close()
        await system.keeper.close()


def tamper(folder: Path, *statements: str) -> None:
    with sqlite3.connect(folder / "ringwall.db", isolation_level=None) as db:
        for statement in statements:
            db.execute(statement)
    db.close()


def cut(folder: Path, keep: int) -> None:
    """Cut the end off so that the database alone cannot tell: records, checkpoints and the signed end."""
    tamper(
        folder,
        f"DELETE FROM ledger WHERE seq > {keep}",
        f"DELETE FROM ledger_checkpoints WHERE seq > {keep}",
        "DELETE FROM ledger_head",
    )


def kept(folder: Path) -> list[Kept]:
    return [Kept.in_file(folder / "ledger.mark", load_key(folder / "ledger.key").public_key())]


def offline(folder: Path, places=None, **options):
    key = public_hex(load_key(folder / "ledger.key").public_key())
    places = kept(folder) if places is None else places
    return verify_database(f"sqlite:///{folder}/ringwall.db", key, places, **options)

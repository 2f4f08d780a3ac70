"""How long a message to everybody takes and holds up calls, and what a session costs.

On a database of its own in a folder of its own: no media server and no phone is needed. The longest stall is
what another task of the core waits while everybody gets a message; the lamps of all phones come after it, a
few at a time.
"""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import _figures

from ringwall.core.directory.model import UserEntry
from ringwall.core.voicemail import delivery
from ringwall.core.voicemail.bounds import Bounds
from ringwall.core.voicemail.delivery import Letter
from ringwall.core.voicemail.mailboxes import Mailboxes
from ringwall.core.voicemail.model import Counts
from ringwall.core.voicemail.rights import MailboxRights
from ringwall.core.voicemail.room import Room
from ringwall.core.voicemail.stored import StoredRecords
from ringwall.core.voicemail.vault import Vault
from ringwall.core.voicemail.waiting import summary
from support.core_data import ADMIN, open_core, open_rights
from support.voicemail.party import Party
from support.voicemail.rig import ANNA, PIN, Files, Rig, inside

SESSIONS = 2000
SUMMARIES = 100_000


async def to_everybody(folder: Path, count: int) -> dict[str, Any]:
    """Send one message to so many mailboxes."""
    core = await open_core(folder, interval=0.05)
    try:
        rights = await open_rights(core)
        fields = {"group": "least-privileged", "site": "main"}
        users = [core.directory.checked(_user(number, fields)) for number in range(count + 1)]
        async with core.directory.changing:
            await core.directory.put_users(ADMIN, users)
        files = Files()
        records = StoredRecords(core.store, core.ledger)
        mailboxes = await Mailboxes.open(
            records, Vault(b"k" * 32, files), core.directory, MailboxRights(rights), Bounds()
        )
        room = Room(mailboxes)
        sender = core.directory.user("1000000")
        async with room.taking(30) as (recording, key):
            files.write(recording.name, key, 20.0)
            made = await mailboxes.vault.measured(recording)
            stalls: list[float] = []
            watch = asyncio.create_task(_watch(stalls))
            await asyncio.sleep(0.1)
            began = time.perf_counter()
            audience = delivery.audience(mailboxes, sender)
            sent = await delivery.send(mailboxes, sender, audience, Letter((made,), broadcast=True))
            seconds = time.perf_counter() - began
            await asyncio.sleep(0.1)
            watch.cancel()
        began = time.perf_counter()
        again = await records.owned()
        load = time.perf_counter() - began
        assert sum(one.new for one in again.counts.values()) == sent.delivered == count
        return {
            "mailboxes": count,
            "ms": round(seconds * 1000, 1),
            "longest_stall_ms": round(max(stalls) * 1000, 1),
            "load_ms": round(load * 1000, 1),
        }
    finally:
        await core.store.close()


def _user(number: int, fields: dict[str, str]) -> UserEntry:
    return UserEntry(0, f"{1_000_000 + number}", f"User {number}", **fields)  # type: ignore[arg-type]


async def _watch(stalls: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0)
        stalls.append(time.perf_counter() - began)


async def sessions() -> float:
    """Microseconds of one session: PIN, listen, delete, goodbye; without store and sound."""
    rig = Rig()
    began = time.perf_counter()
    for number in range(SESSIONS):
        if number % 15 == 0:
            rig = Rig()
        await rig.message(ANNA)
        await rig.mail.own_mailbox(Party([*PIN, *"#17##"], rig.files, rig.clock), inside(ANNA))
    return (time.perf_counter() - began) / SESSIONS * 1e6


def summaries() -> float:
    """Microseconds of one body for a lamp."""
    counts = Counts(3, 1, 12, 0)
    began = time.perf_counter()
    for _ in range(SUMMARIES):
        summary(counts, "sip:*98@voice.example")
    return (time.perf_counter() - began) / SUMMARIES * 1e6


def main() -> int:
    parser = _figures.arguments(__doc__)
    parser.add_argument("--mailboxes", type=int, nargs="*", default=[100, 1000, 10_000])
    given = parser.parse_args()
    rows = []
    for count in given.mailboxes:
        with tempfile.TemporaryDirectory(prefix="rw-bench-") as folder:
            rows.append(asyncio.run(to_everybody(Path(folder), count)))
    result = {
        "what": "A message to everybody, and what sessions and lamps cost.",
        "to_everybody": rows,
        "session_us": round(asyncio.run(sessions()), 1),
        "summary_us": round(summaries(), 2),
    }
    if given.json:
        _figures.dump(result)
    else:
        _figures.show(
            result,
            ("mailboxes", "on the disk, ms", "longest stall, ms", "read at start, ms"),
            [(one["mailboxes"], one["ms"], one["longest_stall_ms"], one["load_ms"]) for one in rows],
            f"A session costs {result['session_us']} us, a lamp's body {result['summary_us']} us.",
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

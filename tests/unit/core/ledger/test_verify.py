"""Whoever changes the database behind the ledger's back is found out, and the place is named."""

import asyncio
import os
import shutil
import sqlite3
import struct
import subprocess
import tempfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringwall.core.errors import LedgerError
from ringwall.core.ledger import chain
from ringwall.core.ledger.apart import verify_apart, verify_database
from ringwall.core.ledger.chain import load_key, make_key, public_hex, record_hash
from support.core_data import open_core
from support.events import Made

RECORDS = 24
pytestmark = pytest.mark.req("I2")


class Tampered:
    """A copy of a good database, and the hands of whoever can write to it but has no key."""

    def __init__(self, original: Path, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.path = folder / "ringwall.db"
        shutil.copy(original / "ringwall.db", self.path)
        self.key = public_hex(load_key(original / "ledger.key").public_key())
        self.db = sqlite3.connect(self.path, isolation_level=None)

    def row(self, seq):
        query = "SELECT seq, at, kind, body, previous, hash FROM ledger WHERE seq = ?"
        return dict(
            zip(
                ("seq", "at", "kind", "body", "previous", "hash"),
                self.db.execute(query, (seq,)).fetchone(),
                strict=True,
            )
        )

    def put(self, row, *, old_seq=None):
        if old_seq is not None:
            self.db.execute("DELETE FROM ledger WHERE seq = ?", (old_seq,))
        self.db.execute("INSERT INTO ledger VALUES (:seq, :at, :kind, :body, :previous, :hash)", row)

    def shift(self, first, by):
        order = "DESC" if by > 0 else "ASC"
        query = f"SELECT seq FROM ledger WHERE seq >= ? ORDER BY seq {order}"
        for (seq,) in self.db.execute(query, (first,)).fetchall():
            self.db.execute("UPDATE ledger SET seq = ? WHERE seq = ?", (seq + by, seq))

    def rehash(self, row, **changes):
        row = {**row, **changes}
        row["hash"] = record_hash(row["previous"], row["seq"], row["at"], row["kind"], row["body"])
        return row

    def rechain(self, first):
        """Join all records from `first` on anew, as somebody without the key can."""
        last = self.db.execute("SELECT max(seq) FROM ledger").fetchone()[0]
        for seq in range(first, last + 1):
            previous = self.row(seq - 1)["hash"]
            self.put(self.rehash(self.row(seq), previous=previous), old_seq=seq)

    def verdict(self):
        self.db.close()
        return verify_database(f"sqlite:///{self.path}", self.key)


async def _write(folder: Path) -> None:
    core = await open_core(folder)
    for number in range(RECORDS):
        await core.ledger.record_durably(Made("call.ended", number=number, caller="201", callee="202"))
    await core.store.close()


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A ledger of 24 records with checkpoints at 1 (the first), 9 and 17."""
    folder = tmp_path_factory.mktemp("original")
    before = chain.CHECKPOINT_RECORDS
    chain.CHECKPOINT_RECORDS = 8
    try:
        asyncio.run(_write(folder))
    finally:
        chain.CHECKPOINT_RECORDS = before
    return folder


@pytest.fixture
def tampered(original, tmp_path):
    return Tampered(original, tmp_path / "copy")


def test_an_untouched_ledger_is_proven(tampered):
    verdict = tampered.verdict()
    assert verdict.ok
    assert verdict.finding is None
    assert (verdict.records, verdict.seq, verdict.checkpoints) == (RECORDS, RECORDS, 3)
    assert len(bytes.fromhex(verdict.hash)) == 32


def test_a_ledger_of_before_checkpoints_had_numbers_is_proven_as_it_is_and_after_its_update(
    tampered, original
):
    """The migration numbers them; neither their signatures nor that of the end cover it."""
    key = load_key(original / "ledger.key")
    start = chain.genesis(tampered.db.execute("SELECT id FROM organisations").fetchone()[0])
    for seq, at, digest in tampered.db.execute("SELECT seq, at, hash FROM ledger_checkpoints").fetchall():
        signature = key.sign(chain.checkpoint_message(start, seq, at, digest, None))
        tampered.db.execute("UPDATE ledger_checkpoints SET signature = ? WHERE seq = ?", (signature, seq))
    at, seq, previous, digest = tampered.db.execute(
        "SELECT at, seq, previous, hash FROM ledger_head"
    ).fetchone()
    signature = key.sign(chain.head_message(start, seq, at, previous, digest, None))
    tampered.db.execute("UPDATE ledger_head SET signature = ?, checkpoints = NULL", (signature,))
    updated = verify_database(f"sqlite:///{tampered.path}", tampered.key)
    assert (updated.ok, updated.checkpoints) == (True, 3)
    tampered.db.execute("ALTER TABLE ledger_head DROP COLUMN checkpoints")
    tampered.db.execute("ALTER TABLE ledger_checkpoints DROP COLUMN number")
    assert tampered.verdict().ok


FIELDS = st.sampled_from(["at", "kind", "body", "previous", "hash"])


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seq=st.integers(1, RECORDS),
    how=st.sampled_from(
        ["field", "rehash", "remove", "remove and shift", "insert", "insert loose", "swap", "cut"]
    ),
    field=FIELDS,
)
def test_any_single_tampering_is_named(original, tmp_path, seq, how, field):
    """The first record that is not as it was written is named, whatever was done to it."""
    copy = Tampered(original, Path(tempfile.mkdtemp(dir=tmp_path)))
    row = copy.row(seq)
    kind, first = "changed", seq
    if how == "field":
        old = row[field]
        row[field] = bytes([old[0] ^ 1]) + old[1:] if isinstance(old, bytes) else old + " "
        copy.put(row, old_seq=seq)
    elif how == "rehash":
        value = bytes(32) if field in ("previous", "hash") else row[field] + "x"
        name = "previous" if field == "hash" else field
        copy.put(copy.rehash(row, **{name: value}), old_seq=seq)
    elif how == "remove":
        copy.db.execute("DELETE FROM ledger WHERE seq = ?", (seq,))
        kind = "removed"
    elif how == "remove and shift":
        copy.db.execute("DELETE FROM ledger WHERE seq = ?", (seq,))
        copy.shift(seq + 1, -1)
        kind = "removed"
    elif how in ("insert", "insert loose"):
        copy.shift(seq, 1)
        previous = row["previous"] if how == "insert" else bytes(32)
        copy.put(copy.rehash(row, body='{"forged":true}', previous=previous))
        kind = "inserted"
    elif how == "swap":
        other = seq + 1 if seq < RECORDS else seq - 1
        second = copy.row(other)
        copy.db.execute("DELETE FROM ledger WHERE seq IN (?, ?)", (seq, other))
        copy.put({**row, "seq": other})
        copy.put({**second, "seq": seq})
        first = min(seq, other)
    else:
        copy.db.execute("DELETE FROM ledger WHERE seq >= ?", (seq,))
        kind = "removed"
    finding = copy.verdict().finding
    assert finding is not None
    assert finding.first == first, finding
    if how != "swap":
        assert finding.kind == kind, finding


def test_a_record_put_behind_the_end_is_named_although_its_hash_looks_right(tampered):
    last = tampered.row(RECORDS)
    forged = tampered.rehash(last, seq=RECORDS + 1, previous=last["hash"], body='{"forged":true}')
    tampered.put(forged)
    finding = tampered.verdict().finding
    assert (finding.kind, finding.first) == ("inserted", RECORDS + 1)


@pytest.mark.parametrize(("first", "after"), [(1, 1), (5, 2), (12, 10), (20, 18)])
def test_a_chain_written_anew_is_found_behind_the_last_good_checkpoint(tampered, first, after):
    row = tampered.row(first)
    tampered.put(tampered.rehash(row, body='{"forged":true}'), old_seq=first)
    if first < RECORDS:
        tampered.rechain(first + 1)
    finding = tampered.verdict().finding
    assert (finding.kind, finding.first) in (("rewritten", after), ("changed", first))
    assert finding.first <= first <= finding.last


def test_going_back_to_an_older_checkpoint_is_found(tampered):
    """Checkpoints are signed as such: none of them can stand in for the signed end."""
    tampered.db.execute("DELETE FROM ledger WHERE seq > 17")
    tampered.db.execute(
        "UPDATE ledger_head SET (seq, at, hash, signature) ="
        " (SELECT seq, at, hash, signature FROM ledger_checkpoints WHERE seq = 17)"
    )
    finding = tampered.verdict().finding
    assert finding.kind == "unsigned"


def test_an_older_end_that_was_kept_does_not_outlive_a_checkpoint(original, tmp_path):
    old = Tampered(original, tmp_path / "old")
    head = old.db.execute("SELECT * FROM ledger_head").fetchone()

    async def go_on():
        shutil.copy(original / "ledger.key", tmp_path / "old" / "ledger.key")
        core = await open_core(tmp_path / "old")
        core.ledger._sealer._end = core.ledger._sealer._end._replace(checkpoint_at=float("-inf"))
        await core.ledger.record_durably(Made("call.ended", number=99))
        await core.store.close()

    asyncio.run(go_on())
    old.db.execute("DELETE FROM ledger WHERE seq > ?", (RECORDS,))
    old.db.execute(
        "UPDATE ledger_head SET seq=?, at=?, previous=?, hash=?, signature=?, checkpoints=? WHERE id=?",
        (*head[1:], head[0]),
    )
    finding = old.verdict().finding
    assert (finding.kind, finding.first) == ("removed", RECORDS + 1)


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM ledger_head",
        "UPDATE ledger_head SET signature = zeroblob(64)",
        "UPDATE ledger_head SET seq = 'x'",
    ],
)
def test_a_missing_or_forged_end_is_told(tampered, change):
    tampered.db.execute(change)
    assert tampered.verdict().finding.kind == "unsigned"


def test_a_forged_checkpoint_is_told(tampered):
    tampered.db.execute("UPDATE ledger_checkpoints SET hash = zeroblob(32) WHERE seq = 9")
    finding = tampered.verdict().finding
    assert (finding.kind, finding.first) == ("unsigned", 9)


@pytest.mark.parametrize(
    ("gone", "seq", "which"),
    [
        ("seq = 1", 9, "Checkpoint 1 was"),
        ("seq < 17", 17, "1 to 2 were"),
        ("seq = 17", RECORDS, "Checkpoint 3"),
    ],
)
@pytest.mark.parametrize("renumbered", [False, True])
def test_a_removed_checkpoint_is_told(tampered, gone, seq, which, renumbered):
    """Those that are left cannot be given other numbers: their signatures cover them, and the end their count."""
    tampered.db.execute(f"DELETE FROM ledger_checkpoints WHERE {gone}")
    if renumbered:
        tampered.db.execute(
            "UPDATE ledger_checkpoints SET number ="
            " (SELECT count(*) FROM ledger_checkpoints AS before WHERE before.seq <= ledger_checkpoints.seq)"
        )
    finding = tampered.verdict().finding
    if renumbered and gone != "seq = 17":
        assert (finding.kind, finding.first) == ("unsigned", seq)
    else:
        assert (finding.kind, finding.first) == ("checkpoint", seq)
        assert which in finding.text


def test_another_count_of_checkpoints_in_the_signed_end_is_told(tampered):
    tampered.db.execute("DELETE FROM ledger_checkpoints WHERE seq = 17")
    tampered.db.execute("UPDATE ledger_head SET checkpoints = 2")
    assert tampered.verdict().finding.kind == "unsigned"


def test_an_emptied_ledger_is_told(tampered):
    for table in ("ledger", "ledger_head", "ledger_checkpoints"):
        tampered.db.execute(f"DELETE FROM {table}")
    assert not tampered.verdict().ok


def test_another_organisation_number_is_told(tampered):
    tampered.db.execute("UPDATE organisations SET id = 'another'")
    finding = tampered.verdict().finding
    assert finding.first == 1


def test_another_key_proves_nothing(tampered):
    tampered.key = public_hex(Ed25519PrivateKey.generate().public_key())
    assert not tampered.verdict().ok


def test_values_of_a_wrong_type_are_a_finding_and_no_crash(tampered):
    tampered.db.execute("UPDATE ledger SET body = 7 WHERE seq = 3")
    finding = tampered.verdict().finding
    assert (finding.kind, finding.first) == ("changed", 3)


def test_lengths_keep_fields_apart():
    """Text moved from one field to the next gives another hash."""
    assert record_hash(bytes(32), 1, "ab", "c", "d") != record_hash(bytes(32), 1, "a", "bc", "d")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a file system")
def test_a_database_on_a_read_only_disk_is_verified(original, small_disk):
    """WAL wants a file beside the database, which cannot be made there; and nothing must be needed but reading."""
    copy = Tampered(original, small_disk)
    copy.db.close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert verify_database(f"sqlite:///{copy.path}", copy.key).ok
    assert [path.name for path in small_disk.iterdir()] == ["ringwall.db"]


def test_verifying_says_what_is_missing(tmp_path):
    with pytest.raises(LedgerError, match="There is no database"):
        verify_database(f"sqlite:///{tmp_path}/none.db", "00" * 32)
    with pytest.raises(LedgerError, match="64 hexadecimal digits"):
        verify_database(f"sqlite:///{tmp_path}/none.db", "beef")


async def test_verifying_apart_gives_the_same_verdict(tampered):
    tampered.db.execute("UPDATE ledger SET body = '{}' WHERE seq = 5")
    apart = await verify_apart(f"sqlite:///{tampered.path}", tampered.key)
    assert apart == tampered.verdict().to_dict()
    assert apart["finding"]["first"] == 5


async def test_verifying_apart_passes_the_reason_on(tmp_path):
    with pytest.raises(LedgerError, match="There is no database"):
        await verify_apart(f"sqlite:///{tmp_path}/none.db", "00" * 32)


def test_a_key_is_never_overwritten_and_only_its_owner_reads_it(tmp_path):
    make_key(tmp_path / "key")
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        make_key(tmp_path / "key")


def test_a_missing_or_damaged_key_is_told(tmp_path):
    with pytest.raises(LedgerError, match="missing"):
        load_key(tmp_path / "key")
    (tmp_path / "key").write_bytes(struct.pack("!Q", 1))
    with pytest.raises(LedgerError, match="damaged"):
        load_key(tmp_path / "key")

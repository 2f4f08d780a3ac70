"""Proves that the ledger is as it was written, or names the first record that is not.

Reads only, streams, and needs nothing but the database and the public key. Kept here:
- A record that does not stand for itself (its own hash is wrong) was changed, unless it fits as it is at
  another place of the chain: then records before it were removed or put in.
- Where two records stand for themselves but do not join, the one that what follows does not confirm was
  changed.
- Where the whole chain fits but a signature does not, the chain was written anew behind the last good
  signature.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain as join
from itertools import pairwise
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy.engine import Connection

from ringwall.core.ledger.chain import record_hash
from ringwall.core.ledger.reader import (
    Row,
    checkpoints,
    is_signed_checkpoint,
    is_signed_end,
    rows,
    signed_end,
)
from ringwall.infra.ledger_mark import Mismatch

WINDOW = 1_000
"""How many records back (and numbers ahead) a record is looked for that lies at the wrong place."""

Kind = Literal["changed", "removed", "inserted", "rewritten", "unsigned", "checkpoint", "mark"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong first. `first` and `last` are the numbers of the records that it is about."""

    kind: Kind
    first: int
    last: int
    text: str


@dataclass(frozen=True, slots=True)
class _Mark:
    seq: int
    hash: bytes
    previous: bytes = b""
    checkpoints: int | None = None


class Walk:
    """One pass over the ledger. `gaps` are known: records that are missing there were acknowledged."""

    def __init__(
        self, connection: Connection, key: Ed25519PublicKey, start: bytes, gaps: tuple[Mismatch, ...] = ()
    ) -> None:
        self._connection = connection
        self._gaps = gaps
        self._key = key
        self._start = start
        self._head, self._head_trouble = self._read_head()
        self._marks = self._read_checkpoints()
        self._mark: _Mark | Finding | None = next(self._marks, None)
        self._good_mark = 0
        self._seen: OrderedDict[bytes, int] = OrderedDict({start: 0})
        self.records = 0
        self.checkpoints = 0
        self.seq = 0
        self.hash = start
        self._previous = b""

    def run(self) -> Finding | None:
        """Return the first finding, None where all is as it was written."""
        for row, following in pairwise(join(rows(self._connection), (None,))):
            assert row is not None
            self.records += 1
            finding = self._examine(row, following)
            if finding is not None:
                return finding
            self.seq, self.hash, self._previous = row.seq, row.hash, row.previous
            self._seen[row.hash] = row.seq
            if len(self._seen) > WINDOW:
                self._seen.popitem(last=False)
            finding = self._examine_checkpoint(following)
            if finding is not None:
                return finding
        return self._examine_end()

    def _pass_gap(self, row: Row) -> None:
        """Go on behind records that are known to be missing before this one."""
        for gap in self._gaps:
            if gap.first <= self.seq + 1 and gap.last + 1 == row.seq > self.seq + 1:
                self.seq, self.hash, self._previous = gap.last, bytes.fromhex(gap.hash), b""

    def _examine(self, row: Row, following: Row | None) -> Finding | None:
        if self._gaps and type(row.seq) is int:
            self._pass_gap(row)
        expected = self.seq + 1
        if not _is_record(row):
            known = isinstance(row.seq, int) and row.seq == expected
            return _changed(expected) if known else _inserted(expected, expected)
        if self._head is not None and row.seq > self._head.seq and self.seq >= self._head.seq:
            text = f"Record {row.seq} was put in behind the signed end, record {self._head.seq}."
            return self._moved_up(row) or Finding("inserted", row.seq, row.seq, text)
        if row.seq != expected:
            last = row.seq - 1 if self._head is None else min(row.seq - 1, self._head.seq)
            return _removed(expected, last)
        joined = row.previous == self.hash
        stands = _hash(row, row.seq) == row.hash
        if joined and stands:
            return None
        if following is not None and _is_record(following) and _fits(following, row.seq, self.hash):
            return _inserted(row.seq, row.seq)
        return self._misplaced(row) if not stands else self._not_joined(row, following)

    def _misplaced(self, row: Row) -> Finding:
        """Say what happened before a record whose own hash is wrong."""
        moved = self._moved_up(row)
        if moved is not None:
            return moved
        for seq in range(row.seq + 1, row.seq + WINDOW):
            if _fits(row, seq, row.previous):
                return _removed(row.seq, seq - 1)
        return _changed(row.seq)

    def _moved_up(self, row: Row) -> Finding | None:
        """Return the records that were put in before a record which fits as it is under a lower number."""
        before = self._seen.get(row.previous)
        if before is not None and before + 1 < row.seq and _fits(row, before + 1, row.previous):
            return _inserted(before + 1, row.seq - 1)
        return None

    def _not_joined(self, row: Row, following: Row | None) -> Finding:
        """Say which of two records was changed: both stand for themselves, but not on one another."""
        if following is not None:
            confirmed = following.previous == row.hash
        else:
            confirmed = self._head is not None and self._head.hash == row.hash
        if not confirmed:
            return _changed(row.seq)
        before = self._seen.get(row.previous)
        if before is not None and before + 1 < row.seq:
            return _inserted(before + 1, row.seq - 1)
        if self.seq == 0:
            return Finding("changed", 1, 1, "Record 1 does not stand on this organisation's number.")
        return _changed(self.seq)

    def _examine_checkpoint(self, following: Row | None) -> Finding | None:
        mark = self._mark
        while mark is not None:
            if isinstance(mark, Finding):
                if mark.first > self.seq:
                    break
                return mark
            if mark.seq > self.seq:
                break
            self.checkpoints += 1
            if mark.hash != self.hash:
                return self._against_checkpoint(mark, following)
            self._good_mark = self.seq
            mark = self._mark = next(self._marks, None)
        return None

    def _against_checkpoint(self, mark: _Mark, following: Row | None) -> Finding:
        """Say what happened where the chain fits up to here, but not to the signature for this record."""
        if following is None:
            alone = self._head is not None and self._head.previous == self._previous
        else:
            if _is_record(following) and _fits(following, self.seq, self._previous):
                return _inserted(self.seq, self.seq)
            alone = following.previous == mark.hash
        return _changed(self.seq) if alone else _rewritten(self._good_mark + 1, self.seq)

    def _examine_end(self) -> Finding | None:
        head = self._head
        if head is None:
            first = self._good_mark + 1
            return Finding("unsigned", first, max(first, self.seq), self._head_trouble)
        if self.seq < head.seq:
            text = f"The end was cut off: {_these(self.seq + 1, head.seq)} removed."
            return Finding("removed", self.seq + 1, head.seq, text)
        if self.hash != head.hash:
            if self._previous == head.previous:
                return _changed(self.seq)
            return _rewritten(self._good_mark + 1, self.seq)
        if isinstance(self._mark, Finding):
            return self._mark
        if self._mark is not None:
            text = (
                f"The end was cut off: there is a signed checkpoint at record {self._mark.seq},"
                f" but the ledger ends at record {self.seq}."
            )
            return Finding("removed", self.seq + 1, self._mark.seq, text)
        return None

    def _read_head(self) -> tuple[_Mark | None, str]:
        head = signed_end(self._connection)
        if head is None:
            return None, "The signed end of the ledger is missing: nobody can say where it ended."
        if not is_signed_end(head, self._key, self._start):
            return None, "The signed end of the ledger was changed, or another key signed it."
        return _Mark(head.seq, head.hash, head.previous, head.checkpoints), ""

    def _read_checkpoints(self) -> Iterator[_Mark | Finding]:
        numbered = 0
        for row in checkpoints(self._connection):
            seq = row.seq if isinstance(row.seq, int) else 0
            if not is_signed_checkpoint(row, self._key, self._start):
                text = f"The checkpoint at record {row.seq} was changed, or another key signed it."
                yield Finding("unsigned", seq, seq, text)
            elif row.number is not None and row.number != numbered + 1:
                if any(gap.checkpoint + 1 == row.number > numbered for gap in self._gaps):
                    numbered = row.number - 1
                else:
                    yield _checkpoints_removed(numbered + 1, row.number, seq)
            numbered += 1
            yield _Mark(row.seq, row.hash)
        told = self._head.checkpoints if self._head is not None else None
        known = any(gap.checkpoint == told for gap in self._gaps)
        if self._head is not None and told is not None and told > numbered and not known:
            yield _checkpoints_removed(numbered + 1, told + 1, self._head.seq)


def _checkpoints_removed(first: int, behind: int, seq: int) -> Finding:
    """Say that the checkpoints from `first` on are missing before that which is numbered `behind`."""
    if not isinstance(behind, int) or behind <= first:
        return Finding(
            "unsigned", seq, seq, f"The checkpoint at record {seq} has another number than its place."
        )
    which = f"Checkpoint {first} was" if behind == first + 1 else f"Checkpoints {first} to {behind - 1} were"
    return Finding("checkpoint", seq, seq, f"{which} removed, before record {seq}.")


def _is_record(row: Row) -> bool:
    """Whether the columns hold what a record has, whatever else they may join to."""
    texts = isinstance(row.at, str) and isinstance(row.kind, str) and isinstance(row.body, str)
    number = type(row.seq) is int and 0 < row.seq < 2**63
    hashes = isinstance(row.previous, bytes) and isinstance(row.hash, bytes)
    return texts and number and hashes and len(row.previous) == len(row.hash) == 32


def _fits(row: Row, seq: int, previous: bytes) -> bool:
    return bool(row.previous == previous and _hash(row, seq) == row.hash)


def _hash(row: Row, seq: int) -> bytes:
    return record_hash(row.previous, seq, row.at, row.kind, row.body)


def _these(first: int, last: int) -> str:
    return f"record {first} was" if first == last else f"records {first} to {last} were"


def _changed(seq: int) -> Finding:
    return Finding("changed", seq, seq, f"Record {seq} was changed.")


def _removed(first: int, last: int) -> Finding:
    return Finding("removed", first, last, f"{_these(first, last).capitalize()} removed.")


def _inserted(first: int, last: int) -> Finding:
    return Finding("inserted", first, last, f"{_these(first, last).capitalize()} put in afterwards.")


def _rewritten(first: int, last: int) -> Finding:
    text = f"The chain was written anew somewhere between record {first} and record {last}."
    return Finding("rewritten", first, last, text)

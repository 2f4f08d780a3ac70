"""What verification says: of the records, of marks that are kept elsewhere, of what was ever found wrong."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy.engine import Connection

from ringwall.core.errors import LedgerError
from ringwall.core.ledger import reader
from ringwall.core.ledger.chain import genesis, public_hex
from ringwall.core.ledger.compare import compare
from ringwall.core.ledger.memory import missing, name, read_file, together, told
from ringwall.core.ledger.verify import Finding, Walk
from ringwall.infra.ledger_mark import Evidence, MarkError, Mismatch, evidence_of

State = Literal["kept", "missing", "damaged", "nothing", "away"]


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of the ledger in one place, or why nothing is: then `text` says it.

    Missing and damaged are found wrong; nothing (a witness that was never told) and away are not.
    """

    place: str
    state: State
    evidence: Evidence | None
    text: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as `of` takes them."""
        return asdict(self)

    @classmethod
    def of(cls, value: dict[str, Any], key: Ed25519PublicKey) -> "Kept":
        """Return what plain values say; what the key did not sign is damaged."""
        place, evidence = value["place"], value["evidence"]
        try:
            signed = None if evidence is None else evidence_of(evidence, key)
        except MarkError as error:
            return cls(place, "damaged", None, f"What {place} keeps cannot be believed. {error}")
        return cls(place, value["state"], signed, value["text"])

    @classmethod
    def in_file(cls, path: Path, key: Ed25519PublicKey) -> "Kept":
        """Return what the file beside the ledger's key says."""
        evidence, wrong = read_file(path, key)
        if evidence is not None:
            return cls(name(path), "kept", evidence)
        return cls(name(path), "damaged" if wrong else "missing", None, wrong or missing(path))


@dataclass(frozen=True, slots=True)
class MarkSeen:
    """How the ledger compares with one mark; `ok` is None where there was nothing to compare with."""

    place: str
    ok: bool | None
    seq: int | None
    at: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verification found; `records` were read, the chain ends at `seq` with `hash` (hexadecimal).

    `ok` says that nothing is wrong and that nothing ever was that nobody has acknowledged. `mismatches` are
    all that were ever found, with `at`, `place`, `text` and `acknowledged`.
    """

    ok: bool
    records: int
    checkpoints: int
    seq: int
    hash: str
    public_key: str
    finding: Finding | None
    marks: list[MarkSeen]
    mismatches: list[dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def verify(
    connection: Connection, key: Ed25519PublicKey, kept: Sequence[Kept] = (), *, copy: bool = False
) -> Verdict:
    """Verify the whole ledger in the connection's transaction, and compare it with what is kept elsewhere.

    That must have been read before the transaction began. A `copy` may be older than a mark. Raises
    LedgerError for a database that was never set up.
    """
    start = _start(connection)
    remembered = together(each.evidence for each in kept if each.evidence is not None)
    walk = Walk(connection, key, start, remembered.gaps)
    finding = walk.run()
    seen = look(connection, key, kept, copy=copy)
    finding = finding or seen.finding
    return Verdict(
        ok=finding is None and not remembered.open,
        records=walk.records,
        checkpoints=walk.checkpoints,
        seq=walk.seq,
        hash=walk.hash.hex(),
        public_key=public_hex(key),
        finding=finding,
        marks=seen.marks,
        mismatches=seen.mismatches,
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """How the ledger compares with what is kept of it: what is wrong first, each mark, all that ever was."""

    finding: Finding | None
    marks: list[MarkSeen]
    mismatches: list[dict[str, Any]]


def look(connection: Connection, key: Ed25519PublicKey, kept: Sequence[Kept], *, copy: bool = False) -> Seen:
    """Compare with what is kept elsewhere and read no more than that takes; as `verify`."""
    remembered = together(each.evidence for each in kept if each.evidence is not None)
    looking = _Look(connection, key, _start(connection), remembered.gaps, copy)
    marks = [looking.at(each) for each in kept]
    return Seen(looking.finding, marks, told(remembered))


def _start(connection: Connection) -> bytes:
    organisation = reader.organisation_id(connection)
    if organisation is None:
        raise LedgerError("The database was not set up: there is no ledger in it.")
    return genesis(organisation)


class _Look:
    """Compares with the marks; `finding` is the first that is wrong."""

    def __init__(
        self,
        connection: Connection,
        key: Ed25519PublicKey,
        start: bytes,
        gaps: tuple[Mismatch, ...],
        copy: bool,
    ) -> None:
        self._connection = connection
        self._start = start
        self._gaps = gaps
        self._copy = copy
        self._has_marks = reader.knows_marks(connection, key, start)
        self.finding: Finding | None = None

    def at(self, kept: Kept) -> MarkSeen:
        """Return how the ledger compares with what is kept in one place."""
        seen = MarkSeen(kept.place, None, None, None, kept.text)
        mark = kept.evidence.mark if kept.evidence is not None else None
        if mark is None:
            wrong = kept.state == "damaged" or (kept.state == "missing" and self._has_marks)
            if wrong and not self._copy:
                return self._wrong(seen, Finding("mark", 0, 0, kept.text))
            return seen if kept.text else replace(seen, text="It holds no mark of this ledger yet.")
        seen = replace(seen, seq=mark.seq, at=mark.at)
        trouble = compare(self._connection, self._start.hex(), mark, kept.place, self._gaps)
        if trouble is None:
            return replace(seen, ok=True, text="The ledger has all that the mark says.")
        if self._copy and trouble.last:
            return replace(seen, text=f"{trouble.text} They may be younger than this copy.")
        kind: Literal["removed", "mark"] = "removed" if trouble.last else "mark"
        return self._wrong(seen, Finding(kind, trouble.first, trouble.last, trouble.text))

    def _wrong(self, seen: MarkSeen, finding: Finding) -> MarkSeen:
        self.finding = self.finding or finding
        return replace(seen, ok=False, text=finding.text)

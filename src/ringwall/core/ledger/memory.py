"""The file beside the ledger's key: how far the ledger has come, and all that was ever found wrong with it.

Rules that this module keeps:
- The file is replaced as a whole, durably, and only its owner reads it.
- A file that is missing or damaged is told, and never taken for the beginning of a new one.
- What somebody else has added to it with the ledger's key, such as `ringwall ledger verify`, is kept.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ringwall.core.errors import LedgerError
from ringwall.core.ledger.record import now
from ringwall.core.ledger.trouble import Trouble
from ringwall.infra.errors import RingwallError
from ringwall.infra.files import KEEP, read_limited, write_atomically
from ringwall.infra.ledger_mark import (
    LIMIT,
    MOST,
    Acknowledgement,
    Evidence,
    Mark,
    Mismatch,
    merge,
    read_evidence,
    shortened,
    sign,
)


def name(path: Path) -> str:
    """Return what people call a file of the data directory; where that lies is nobody's business outside."""
    return f"{path.parent.name}/{path.name}"


def read_file(path: Path, key: Ed25519PublicKey) -> tuple[Evidence | None, str]:
    """Return what the file says, or nothing and what is wrong with it; that is empty where there is none."""
    try:
        return read_evidence(read_limited(path, LIMIT), key), ""
    except FileNotFoundError:
        return None, ""
    except OSError as error:
        return None, f"{name(path)} cannot be read: {error.strerror}."
    except RingwallError as error:
        return None, f"{name(path)} is damaged. {error}"


def missing(path: Path) -> str:
    """Return the sentence for a file that is missing and must not be."""
    said = f"{name(path)}, which says how far the ledger has come, is missing"
    return f"{said}: somebody removed it, or the data came back without it."


class Memory:
    """What the core knows of its ledger beside the database; `evidence` is what the file will say."""

    def __init__(self, path: Path, key: Ed25519PrivateKey) -> None:
        self.path = path
        self.evidence = Evidence()
        self._key = key
        self._on_disk: Evidence | None = None

    @property
    def place(self) -> str:
        """What people call it."""
        return name(self.path)

    @property
    def is_saved(self) -> bool:
        """Whether the file says what is known."""
        return self._on_disk == self.evidence

    @property
    def verifier(self) -> Ed25519PublicKey:
        """The key by which what is kept is believed."""
        return self._key.public_key()

    @property
    def marked(self) -> int | None:
        """The record that the file's mark names, None without one."""
        mark = self._on_disk.mark if self._on_disk is not None else None
        return None if mark is None else mark.seq

    def load(self) -> str:
        """Take up the file; return what is wrong with it, empty where nothing is or there is none."""
        found, wrong = read_file(self.path, self._key.public_key())
        if found is not None:
            self.evidence = self._on_disk = found
        return wrong

    @property
    def is_there(self) -> bool:
        """Whether there was a good file the last time."""
        return self._on_disk is not None

    def sign_mark(self, chain: str, seq: int, digest: bytes, checkpoint: int) -> None:
        """Note how far the ledger has come. All of that must be durable."""
        mark = sign(self._key, Mark(chain, seq, digest.hex(), checkpoint, now()))
        self.evidence = merge(self.evidence, Evidence(mark))

    def find(self, place: str, trouble: Trouble) -> Mismatch | None:
        """Remember a mismatch and return it as it was found first; None where no more can be remembered."""
        found = Mismatch(
            *(now(), shortened(place), shortened(trouble.text), trouble.first, trouble.last),
            *(trouble.hash.hex(), trouble.checkpoint),
        )
        for each in self.evidence.mismatches:
            if replace(each, at="", signature="") == replace(found, at=""):
                return each
        if len(self.evidence.mismatches) >= MOST:
            return None
        signed = sign(self._key, found)
        self.evidence = merge(self.evidence, Evidence(mismatches=(signed,)))
        return signed

    def acknowledge(self, by: str, reason: str) -> tuple[Mismatch, ...]:
        """Note that somebody has taken note of all that is open, and return that.

        The last mismatch that can be remembered stays open: who fills the memory makes no later one unseen.
        """
        taken = self.evidence.open
        room = max(0, MOST - 1 - len(self.evidence.acknowledgements))
        notes = tuple(
            sign(self._key, Acknowledgement(now(), each.digest, shortened(by), shortened(reason)))
            for each in taken[:room]
        )
        self.evidence = merge(self.evidence, Evidence(acknowledgements=notes))
        return taken[:room]

    def take(self, told: Evidence) -> tuple[Mismatch, ...]:
        """Take up what somebody else remembers, but for their mark; return the mismatches that are new."""
        known = self.evidence.mismatches
        self.evidence = merge(self.evidence, replace(told, mark=None))
        return tuple(each for each in self.evidence.mismatches if each not in known)

    async def save(self) -> str:
        """Write the file as `save_now` does, and hold nobody up."""
        wanted, on_disk = self.evidence, self._on_disk
        return self._saved(*await asyncio.to_thread(self._write, wanted, on_disk))

    def save_now(self, *, uid: int = KEEP, gid: int = KEEP) -> str:
        """Write the file, unless it says that already; return what was wrong with the one that was there.

        Blocks. Raises LedgerError where it cannot be written.
        """
        return self._saved(*self._write(self.evidence, self._on_disk, uid, gid))

    def _saved(self, written: Evidence, wrong: str) -> str:
        self._on_disk = written
        self.take(written)
        return wrong

    def _write(
        self, wanted: Evidence, on_disk: Evidence | None, uid: int = KEEP, gid: int = KEEP
    ) -> tuple[Evidence, str]:
        """Return what was written and what was wrong before. Changes nothing but the file, in any thread."""
        found, wrong = read_file(self.path, self._key.public_key())
        if found is None and on_disk is not None:
            wrong = wrong or missing(self.path)
        elif found is not None and found != on_disk:
            wanted = merge(wanted, replace(found, mark=None))
        if found != wanted:
            try:
                if found is None and wrong and self.path.exists():
                    self.path.replace(self.path.with_name(f"{self.path.name}.damaged"))
                write_atomically(self.path, wanted.to_bytes(), mode=0o600, uid=uid, gid=gid)
            except OSError as error:
                raise LedgerError(f"{self.place} cannot be written: {error.strerror}.") from None
        return wanted, wrong


def told(evidence: Evidence) -> list[dict[str, object]]:
    """Return the mismatches as people and programs are told of them, the oldest first."""
    notes = {each.mismatch: each for each in evidence.acknowledgements}
    return [_told(each, notes.get(each.digest)) for each in evidence.mismatches]


def _told(mismatch: Mismatch, note: Acknowledgement | None) -> dict[str, object]:
    known = None if note is None else {"at": note.at, "by": note.by, "reason": note.reason}
    return {"at": mismatch.at, "place": mismatch.place, "text": mismatch.text, "acknowledged": known}


def together(kept: Iterable[Evidence]) -> Evidence:
    """Return all that several places remember."""
    joined = Evidence()
    for each in kept:
        joined = merge(joined, replace(each, mark=None))
    return joined

"""The chain: how records are joined, and how its end is signed.

Kept here:
- The hash of a record covers its number, its time, its kind, its body and the hash of the record before. The
  first record stands on the organisation's random number instead.
- Records are numbered and chained in the writer thread, in the order in which they are committed: the chain
  is the order of insertion.
- The end of the chain is signed in the same transaction as the records that it covers; there is always
  exactly one signed end. From time to time a signature is left behind as a checkpoint.
- A chain goes on from its signed end, never from a row whose origin it does not know. So what was cut off or
  put in while nobody looked stays visible for ever.
"""

import hashlib
import os
import struct
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import Executable, func, insert, select
from sqlalchemy.engine import Connection

from ringwall.core.errors import LedgerError
from ringwall.core.ledger.record import now
from ringwall.core.store import schema
from ringwall.core.store.grouping import Rows
from ringwall.infra.files import write_atomically

CHECKPOINT_RECORDS = 256
CHECKPOINT_SECONDS = 60.0

_LENGTHS = struct.Struct("!32sQIII")
_INSERT = insert(schema.ledger).execution_options(ringwall_lane="ledger")
_CHECKPOINT = insert(schema.ledger_checkpoints).execution_options(ringwall_lane="ledger_checkpoints")
_HEAD = schema.upsert_of(schema.ledger_head)


def genesis(organisation_id: str) -> bytes:
    """Return what the first record stands on."""
    return hashlib.sha256(b"ringwall ledger 1\0" + organisation_id.encode()).digest()


def record_hash(previous: bytes, seq: int, at: str, kind: str, body: str) -> bytes:
    """Return the hash (32 bytes) of a record.

    The lengths stand before the texts, so no two records share a hash.
    """
    parts = at.encode(), kind.encode(), body.encode()
    lengths = _LENGTHS.pack(previous, seq, len(parts[0]), len(parts[1]), len(parts[2]))
    return hashlib.sha256(lengths + parts[0] + parts[1] + parts[2]).digest()


def head_message(
    start: bytes, seq: int, at: str, previous: bytes, digest: bytes, checkpoints: int | None
) -> bytes:
    """Return the bytes that are signed for the end of the chain.

    `checkpoints` is how many there are; None as versions signed that did not number them.
    """
    if checkpoints is None:
        return b"ringwall ledger head 1\0" + start + struct.pack("!Q", seq) + previous + digest + at.encode()
    numbers = struct.pack("!QQ", seq, checkpoints)
    return b"ringwall ledger head 2\0" + start + numbers + previous + digest + at.encode()


def checkpoint_message(start: bytes, seq: int, at: str, digest: bytes, number: int | None) -> bytes:
    """Return the bytes that are signed for a checkpoint; without a number as versions did that had none."""
    if number is None:
        return b"ringwall ledger checkpoint 1\0" + start + struct.pack("!Q", seq) + digest + at.encode()
    numbers = struct.pack("!QQ", seq, number)
    return b"ringwall ledger checkpoint 2\0" + start + numbers + digest + at.encode()


def signed_by(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether the key signed the message."""
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def make_key(path: Path) -> Ed25519PrivateKey:
    """Make a new key in a file that only its owner can read; raise FileExistsError where there is one."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    if os.path.lexists(path):
        raise FileExistsError(f"{path} is there already")
    write_atomically(path, pem, mode=0o600)
    return key


def load_key(path: Path) -> Ed25519PrivateKey:
    """Read the key; raise LedgerError with what to do where that fails."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError:
        raise LedgerError(f"The ledger's key {path} is missing: restore it from a backup.") from None
    except OSError as error:
        raise LedgerError(f"The ledger's key {path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise LedgerError(f"The ledger's key {path} is damaged: restore it from a backup.") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise LedgerError(f"The ledger's key {path} is not an Ed25519 key: restore it from a backup.")
    return key


def public_hex(key: Ed25519PublicKey) -> str:
    """Return a public key as people compare it: 64 hexadecimal digits."""
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw).hex()


def _nobody() -> None:
    """Hear of a checkpoint and do nothing."""


class End(NamedTuple):
    """Where the chain stands: number and hash of the last record, the hash before it, the last checkpoint.

    `checkpoints` is the number of the last checkpoint, `checkpoint_seq` the record at which it stands.
    """

    seq: int
    hash: bytes
    previous: bytes
    checkpoints: int = 0
    checkpoint_seq: int = 0
    checkpoint_at: float = float("-inf")


class ChainSealer:
    """Numbers, chains and signs records as they are written (a `Sealer` of the store's writer)."""

    def __init__(self, key: Ed25519PrivateKey, start: bytes, end: End) -> None:
        self._key = key
        self._start = start
        self._end = end
        self._durable: End | None = None
        self.on_checkpoint = _nobody
        """Called in the writer thread when a checkpoint is on the disk."""
        self.on_durable = _nobody
        """Called in the writer thread whenever more records are on the disk."""

    @property
    def end(self) -> End:
        """Where the chain stands; ahead of the disk for as long as a commit takes."""
        return self._end

    @property
    def durable(self) -> End | None:
        """How far the chain is on the disk; None until something was committed here. For any thread."""
        return self._durable

    def seal(self, rows: Rows) -> tuple[Executable, Rows]:
        """Return the insert and the chained rows.

        A row with `behind` (number and hash of a record, number of a checkpoint) is chained on to that
        record, where the chain has not come so far: its end was cut off, and what is missing stays a gap.
        """
        seq, digest, previous = self._end.seq, self._end.hash, self._end.previous
        sealed = []
        for row in rows:
            behind = row.get("behind")
            if behind is not None:
                row = {name: value for name, value in row.items() if name != "behind"}  # noqa: PLW2901
                if behind[0] > seq:
                    seq, digest = behind[0], behind[1]
                    checkpoints = max(self._end.checkpoints, behind[2])
                    self._end = self._end._replace(checkpoints=checkpoints)
            seq += 1
            previous, digest = digest, record_hash(digest, seq, row["at"], row["kind"], row["body"])
            sealed.append({**row, "seq": seq, "previous": previous, "hash": digest})
        self._end = self._end._replace(seq=seq, hash=digest, previous=previous)
        return _INSERT, sealed

    def finish(self) -> list[tuple[Executable, Rows]]:
        """Return a checkpoint where one is due, and the signed end."""
        end, at = self._end, now()
        if end.seq == 0:
            return []
        writes: list[tuple[Executable, Rows]] = []
        due = end.seq - end.checkpoint_seq >= CHECKPOINT_RECORDS
        if end.seq > end.checkpoint_seq and (due or monotonic() - end.checkpoint_at >= CHECKPOINT_SECONDS):
            number = end.checkpoints + 1
            signature = self._key.sign(checkpoint_message(self._start, end.seq, at, end.hash, number))
            row = {"seq": end.seq, "at": at, "hash": end.hash, "signature": signature, "number": number}
            writes.append((_CHECKPOINT, [row]))
            end = end._replace(checkpoints=number, checkpoint_seq=end.seq, checkpoint_at=monotonic())
            self._end = end
        message = head_message(self._start, end.seq, at, end.previous, end.hash, end.checkpoints)
        head = {"id": 1, "seq": end.seq, "at": at, "previous": end.previous, "hash": end.hash}
        signed = {"signature": self._key.sign(message), "checkpoints": end.checkpoints}
        writes.append((_HEAD, [{**head, **signed}]))
        return writes

    def committed(self) -> None:
        """Note that everything up to here is on the disk."""
        before, self._durable = self._durable, self._end
        if before is None or before.checkpoints != self._end.checkpoints:
            self.on_checkpoint()
        self.on_durable()

    def position(self) -> End:
        """Return where the chain stands."""
        return self._end

    def restore(self, position: End) -> None:
        """Go back to a position."""
        self._end = position

    def recover(self, connection: Connection) -> None:
        """Number on behind rows that somebody else has put there; they stay outside the chain."""
        highest = connection.execute(select(func.max(schema.ledger.c.seq))).scalar()
        checkpoint = connection.execute(select(func.max(schema.ledger_checkpoints.c.seq))).scalar()
        if isinstance(highest, int) and highest > self._end.seq:
            self._end = self._end._replace(seq=highest)
        if isinstance(checkpoint, int):
            # The number goes on from our own: one that was put in has none of ours, and is named.
            self._end = self._end._replace(checkpoint_seq=max(checkpoint, self._end.checkpoint_seq))

"""What this edge is a witness of: how far the ledgers of its cores have come (I2).

Whoever owns a core's database cannot reach this file. Rules that this module keeps:
- A chain belongs to the key that told of it first; nobody else can say anything about it.
- A mark never goes down and nothing that was found wrong is forgotten, whatever a core asks.
- What a core is answered is on the disk before.
"""

import asyncio
import json
import logging
import re
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ringwall.infra.errors import RingwallError
from ringwall.infra.files import read_limited, write_atomically
from ringwall.infra.ledger_mark import LIMIT, Evidence, MarkError, evidence_of, merge, named_once

log = logging.getLogger(__name__)

MOST_KEYS = 16
FILE_LIMIT = MOST_KEYS * LIMIT
"""Bytes of the file."""
_KEY = re.compile(r"[0-9a-f]{64}\Z")


class LedgerMarks:
    """The evidence at this edge, one for each key that signs a ledger; `path` outlives restarts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: dict[str, Evidence] = {}
        self._changing = asyncio.Lock()

    def load(self) -> None:
        """Read the file; a damaged one is put aside and said so, and the cores tell their marks anew."""
        try:
            self._kept = read_book(read_limited(self._path, FILE_LIMIT))
        except FileNotFoundError:
            return
        except (OSError, RingwallError) as error:
            log.error("The marks of ledgers in %s cannot be used and are put aside: %s", self._path, error)  # noqa: TRY400
            self._path.replace(self._path.with_suffix(".damaged"))

    async def witness(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Take a core's evidence, where it comes with one, and answer what was held before.

        `key` is the public key of its ledger, 32 bytes in hexadecimal. The answer has `held`, or null,
        and `other_key`, to which the chain belongs, where it is another one. Raises MarkError.
        """
        name = asked.get("key")
        key = _public_key(name)
        told = None if asked.get("evidence") is None else evidence_of(asked["evidence"], key)
        async with self._changing:
            held = self._kept.get(str(name))
            other = self._owner(told, str(name))
            if told is not None and other is None:
                await self._keep(str(name), merge(held or Evidence(), told))
        return {"held": None if held is None else held.to_dict(), "other_key": other}

    def _owner(self, told: Evidence | None, name: str) -> str | None:
        """Return to which other key the chain belongs, if it does."""
        if told is None or told.mark is None:
            return None
        for key, evidence in self._kept.items():
            if key != name and evidence.mark is not None and evidence.mark.chain == told.mark.chain:
                return key
        return None

    async def _keep(self, name: str, evidence: Evidence) -> None:
        if self._kept.get(name) == evidence:
            return
        if name not in self._kept and len(self._kept) >= MOST_KEYS:
            raise MarkError(
                f"This edge is a witness of {MOST_KEYS} ledgers already. When they are gone for good,"
                f" stop it and remove {self._path.name} in its folder."
            )
        kept = {**self._kept, name: evidence}
        book = {key: each.to_dict() for key, each in kept.items()}
        content = json.dumps(book, indent=1).encode() + b"\n"
        try:
            await asyncio.to_thread(write_atomically, self._path, content, mode=0o600)
        except OSError as error:
            raise MarkError(f"The edge cannot keep the mark: {error.strerror}.") from None
        self._kept = kept


def read_book(data: bytes) -> dict[str, Evidence]:
    """Return the evidence of a file of this module by their keys; raise MarkError where it is none."""
    try:
        book = json.loads(data, object_pairs_hook=named_once)
    except (ValueError, RecursionError):
        raise MarkError("It is no JSON.") from None
    if not isinstance(book, dict) or len(book) > MOST_KEYS:
        raise MarkError(f"It is no table of at most {MOST_KEYS} keys.")
    return {name: evidence_of(value, _public_key(name)) for name, value in book.items()}


def _public_key(name: object) -> Ed25519PublicKey:
    if not isinstance(name, str) or _KEY.match(name) is None:
        raise MarkError("The key of a ledger is 64 hexadecimal digits.")
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(name))

"""What is kept of a ledger outside of its database: how far it had come, and what was ever found wrong.

It is kept in a file beside the ledger's key and by witnesses, such as the edge agents. Core and witness
exchange it as JSON. Pure: values in, values out. Rules that this module keeps:
- Everything is signed with the ledger's key, so a keeper can lose it but not forge it.
- A mark only goes up. What was found wrong, and who acknowledged it, is never forgotten.
- What comes from outside has limits: `LIMIT` bytes, `MOST` entries, texts of `LONGEST` bytes.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from hashlib import sha256
from typing import Any, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ringwall.infra.errors import RingwallError

LIMIT = 192 * 1024
"""Bytes of evidence. It fits into a frame of the control link, whatever its texts are."""
MOST = 32
"""Mismatches that are remembered, and acknowledgements: the first ones."""
LONGEST = 600
"""Bytes of a text, as JSON in ASCII."""

_HEX_32 = re.compile(r"[0-9a-f]{64}\Z")
_HEX_64 = re.compile(r"[0-9a-f]{128}\Z")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\Z", re.ASCII)


class MarkError(RingwallError):
    """What should be a mark, or a memory of a mismatch, is none."""

    code = "ledger-mark"


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a chain had come, all of it durable: the last record, the last checkpoint.

    `chain` is what its first record stands on, `hash` that of record `seq`: both 32 bytes, hexadecimal. `at`
    is when this was said: RFC 3339, UTC, microseconds. `checkpoint` is a number, 0 before the first.
    """

    chain: str
    seq: int
    hash: str
    checkpoint: int
    at: str
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Something was found wrong at `at`; `place` says where the proof is kept, `text` what was found.

    Where records are missing they are `first` to `last`, and what follows stands on `hash` (that of `last`)
    and on checkpoint number `checkpoint`; otherwise these are 0 and empty.
    """

    at: str
    place: str
    text: str
    first: int = 0
    last: int = 0
    hash: str = ""
    checkpoint: int = 0
    signature: str = ""

    @property
    def digest(self) -> str:
        """What it is known by: 32 bytes, hexadecimal."""
        return sha256(_signed_bytes(self)).hexdigest()


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody has taken note of a mismatch, by its digest. The mismatch stays remembered."""

    at: str
    mismatch: str
    by: str
    reason: str
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is kept in one place of one ledger."""

    mark: Mark | None = None
    mismatches: tuple[Mismatch, ...] = ()
    acknowledgements: tuple[Acknowledgement, ...] = ()

    @property
    def open(self) -> tuple[Mismatch, ...]:
        """The mismatches that nobody has acknowledged."""
        known = {each.mismatch for each in self.acknowledgements}
        return tuple(each for each in self.mismatches if each.digest not in known)

    @property
    def gaps(self) -> tuple[Mismatch, ...]:
        """The acknowledged mismatches by which records are missing."""
        known = {each.mismatch for each in self.acknowledgements}
        return tuple(each for each in self.mismatches if each.last and each.digest in known)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as `evidence_of` takes them."""
        return asdict(self)

    def to_bytes(self) -> bytes:
        """Return JSON, as `read_evidence` takes it."""
        return json.dumps(self.to_dict(), indent=1).encode() + b"\n"


Signed = TypeVar("Signed", Mark, Mismatch, Acknowledgement)


def sign(key: Ed25519PrivateKey, value: Signed) -> Signed:
    """Return the value with its signature (Ed25519, RFC 8032)."""
    return replace(value, signature=key.sign(_signed_bytes(value)).hex())


def is_signed(key: Ed25519PublicKey, value: Mark | Mismatch | Acknowledgement) -> bool:
    """Whether the key signed this value."""
    try:
        key.verify(bytes.fromhex(value.signature), _signed_bytes(value))
    except (InvalidSignature, ValueError):
        return False
    return True


def _signed_bytes(value: Mark | Mismatch | Acknowledgement) -> bytes:
    content = {name: each for name, each in asdict(value).items() if name != "signature"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return f"ringwall ledger {type(value).__name__.lower()} 1\0{text}".encode()


def read_evidence(data: bytes, key: Ed25519PublicKey) -> Evidence:
    """Return what the bytes say; raise MarkError where they are none, or the key did not sign all of it."""
    if len(data) > LIMIT:
        raise MarkError(f"It is longer than {LIMIT} bytes.")
    try:
        value = json.loads(data, object_pairs_hook=named_once)
    except (ValueError, RecursionError):
        raise MarkError("It is no JSON.") from None
    return evidence_of(value, key)


def named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object. One of two values of a name would be lost, and what was signed with it."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands there twice")
    return found


def evidence_of(value: object, key: Ed25519PublicKey) -> Evidence:
    """Return what plain values say; raise MarkError as `read_evidence` does."""
    names = {"mark", "mismatches", "acknowledgements"}
    if not isinstance(value, Mapping) or set(value) != names:
        raise MarkError("It does not have the parts that it must have.")
    mark = None if value["mark"] is None else _value(Mark, value["mark"], _MARK)
    mismatches = _values(Mismatch, value["mismatches"], _MISMATCH)
    acknowledgements = _values(Acknowledgement, value["acknowledgements"], _ACKNOWLEDGEMENT)
    found = (*((mark,) if mark is not None else ()), *mismatches, *acknowledgements)
    if not all(is_signed(key, each) for each in found):
        raise MarkError("It was changed, or another key signed it.")
    return Evidence(mark, mismatches, acknowledgements)


def merge(kept: Evidence, told: Evidence) -> Evidence:
    """Return what is kept from now on: the higher mark of the chain, and all that was ever found."""
    mark = kept.mark
    if mark is None or (told.mark is not None and told.mark.chain == mark.chain and told.mark.seq > mark.seq):
        mark = told.mark
    mismatches = dict.fromkeys((*kept.mismatches, *told.mismatches))
    acknowledgements = dict.fromkeys((*kept.acknowledgements, *told.acknowledgements))
    return Evidence(mark, tuple(mismatches)[:MOST], tuple(acknowledgements)[:MOST])


_Check = Callable[[Any], bool]


def _number(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _text(value: Any) -> bool:
    return isinstance(value, str) and len(json.dumps(value)) <= LONGEST


def _matches(pattern: re.Pattern[str]) -> _Check:
    return lambda value: isinstance(value, str) and pattern.match(value) is not None


_digest, _signature, _time = _matches(_HEX_32), _matches(_HEX_64), _matches(_TIME)
_MARK: dict[str, _Check] = {
    "chain": _digest,
    "seq": _number,
    "hash": _digest,
    "checkpoint": _number,
    "at": _time,
    "signature": _signature,
}
_MISMATCH: dict[str, _Check] = {
    "at": _time,
    "place": _text,
    "text": _text,
    "first": _number,
    "last": _number,
    "hash": lambda value: value == "" or _digest(value),
    "checkpoint": _number,
    "signature": _signature,
}
_ACKNOWLEDGEMENT: dict[str, _Check] = {
    "at": _time,
    "mismatch": _digest,
    "by": _text,
    "reason": _text,
    "signature": _signature,
}


def _values(kind: type[Signed], value: object, checks: Mapping[str, _Check]) -> tuple[Signed, ...]:
    if not isinstance(value, list | tuple) or len(value) > MOST:
        raise MarkError(f"It has to have a list of at most {MOST} of each kind.")
    return tuple(_value(kind, each, checks) for each in value)


def _value(kind: type[Signed], value: object, checks: Mapping[str, _Check]) -> Signed:
    name = kind.__name__.lower()
    if not isinstance(value, Mapping) or set(value) != checks.keys():
        raise MarkError(f"A {name} in it does not have the fields of one.")
    wrong = _wrong(value, checks)
    if wrong:
        raise MarkError(f"The field {wrong[0]} of a {name} in it is not what it has to be.")
    return kind(**{field.name: value[field.name] for field in fields(kind)})


def _wrong(value: Mapping[Any, Any], checks: Mapping[str, _Check]) -> list[str]:
    return [name for name, check in checks.items() if not check(value[name])]


def shortened(text: str) -> str:
    """Return a text that fits into a mismatch or an acknowledgement."""
    while not _text(text):
        text = text[: max(len(text) * 3 // 4 - 3, 0)] + "..."
    return text

"""What every system has that cannot be made again, and what of it is missing (R2).

Rules that this module keeps:
- A data directory is new only when nothing of a system is in it. From then on until the first start has come
  to its end a mark says that the system is being made, so that a start that was interrupted goes on.
- Where a system is, nothing of it is ever made anew: what is missing or empty is named, with what to do.
- What is made of other things is not looked at here: leaf certificates, tokens and configurations come back
  at each start.
- The key of the root may be kept elsewhere, so nobody misses it.
"""

from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature

from ringwall.infra import device_pki
from ringwall.infra.errors import DataError, RingwallError
from ringwall.infra.files import sync_directory, write_atomically
from ringwall.infra.layout import Layout
from ringwall.infra.pem_files import read_certificate, read_key

NEW, BEING_MADE, MADE = "new", "being made", "made"
ANEW = "begin-anew"
"""The command that moves everything of a system aside."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of a system, and what is lost without it."""

    path: Path
    what: str


def core_pieces(layout: Layout) -> tuple[Piece, ...]:
    """Return what only the core may read."""
    return (
        Piece(layout.database, "users, devices, settings, the ledger"),
        Piece(layout.ledger_key, "the key that signs the ledger"),
        Piece(
            layout.secrets_key, "the key of phones' credentials, PINs, codes, carriers' passwords, voice mail"
        ),
        Piece(layout.devices_key, "the key of the authority that phones' certificates come from"),
        Piece(layout.devices_certificate, "the authority that phones' certificates come from"),
    )


def authority_pieces(layout: Layout) -> tuple[Piece, ...]:
    """Return what only root may read."""
    return (
        Piece(layout.root_certificate, "the root that phones and browsers trust"),
        Piece(layout.world_key, "the key that signs what phones and browsers see"),
        Piece(layout.world_certificate, "the authority for what phones and browsers see"),
        Piece(layout.inside_key, "the key that signs for the links between core and edge"),
        Piece(layout.inside_certificate, "the authority for the links between core and edge"),
    )


def pieces(layout: Layout) -> tuple[Piece, ...]:
    """Return all of them."""
    return (*core_pieces(layout), *authority_pieces(layout))


def write_ahead_log(layout: Layout) -> Path:
    """Where SQLite keeps what has not been taken into the database's file yet."""
    return layout.database.with_name(layout.database.name + "-wal")


def state(layout: Layout) -> str:
    """Say whether the data directory is NEW, BEING_MADE or MADE. Only root can tell."""
    if layout.first_run_mark.exists():
        return BEING_MADE
    # The last two lie elsewhere: they tell of a system all of whose data is gone, or not mounted.
    traces = (
        *(piece.path for piece in pieces(layout)),
        *(layout.root_key, write_ahead_log(layout)),
        *(layout.ca_certificate, layout.ledger_marks_file),
    )
    return MADE if any(_is_there(path) for path in traces) else NEW


def begin(layout: Layout) -> None:
    """Mark that a system is being made; its folders are there."""
    write_atomically(
        layout.first_run_mark, b"The first start of this system has not come to its end.\n", mode=0o600
    )


def finish(layout: Layout) -> None:
    """The system is made."""
    if layout.first_run_mark.exists():
        layout.first_run_mark.unlink()
        sync_directory(layout.first_run_mark.parent)


def faults(found: tuple[Piece, ...]) -> list[str]:
    """Return what is missing or empty, each as the beginning of a sentence."""
    told = []
    for piece in found:
        if not _is_there(piece.path):
            told.append(f"{piece.path} is missing ({piece.what})")
        elif piece.path.stat().st_size == 0:
            told.append(f"{piece.path} is empty ({piece.what})")
    return told


def database_fault(layout: Layout) -> str | None:
    """Return what is wrong with the database's file at first sight, if something is."""
    (fault,) = faults(core_pieces(layout)[:1]) or (None,)
    log = write_ahead_log(layout)
    if fault is not None and _is_there(log) and log.stat().st_size:
        fault += f", and its log {log.name} is left: keep both as they are until the backup is in place"
    return fault


def require(layout: Layout) -> None:
    """Raise DataError where something of a system is missing, empty, or does not belong to the rest."""
    missing = [fault for fault in (database_fault(layout),) if fault]
    missing += faults(core_pieces(layout)[1:]) + faults(authority_pieces(layout))
    if missing:
        raise lost(layout, missing)
    foreign = strangers(layout)
    if foreign:
        raise lost(layout, foreign)


def strangers(layout: Layout) -> list[str]:
    """Return which authorities cannot be read or do not fit, each as the beginning of a sentence."""
    pairs = [
        (layout.world_certificate, layout.world_key),
        (layout.inside_certificate, layout.inside_key),
    ]
    if _is_there(layout.root_key):
        pairs.append((layout.root_certificate, layout.root_key))
    told = []
    for certificate, key in pairs:
        try:
            if read_certificate(certificate).public_key() != read_key(key).public_key():
                told.append(f"{key} does not belong to {certificate.name}")
        except RingwallError as error:
            told.append(str(error).rstrip("."))
    try:
        device_pki.read_authority(layout)
    except RingwallError as error:
        told.append(str(error).rstrip("."))
    if not told:
        told += _wrong_roots(layout)
    return told


def _wrong_roots(layout: Layout) -> list[str]:
    root = read_certificate(layout.root_certificate)
    told = []
    try:
        read_certificate(layout.world_certificate).verify_directly_issued_by(root)
    except (InvalidSignature, ValueError, TypeError):
        told.append(f"{layout.world_certificate} was not signed by {layout.root_certificate.name}")
    if _is_there(layout.ca_certificate) and _key_of(layout.ca_certificate) != root.public_key():
        told.append(
            f"{layout.root_certificate} is another root than {layout.ca_certificate}, which phones trust"
        )
    return told


def _key_of(certificate: Path) -> object:
    try:
        return read_certificate(certificate).public_key()
    except RingwallError:
        return None


def lost(layout: Layout, told: list[str]) -> DataError:
    """Return the error that says what is wrong with the data and what to do."""
    where = f"--data {layout.data}"
    return DataError(
        f"{layout.data} holds a system that is not whole, and nothing of it was changed: {'; '.join(told)}."
        " Restore it from a backup (docs/operating.md says how), or begin a new system with"
        f" `./ringwall {ANEW} {where}`, which moves everything of this one aside."
    )


def _is_there(path: Path) -> bool:
    return path.is_file()

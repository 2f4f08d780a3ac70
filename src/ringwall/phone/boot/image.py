"""The image of the reference phone: a Python zip application with a manifest (F2, P5).

Rules that this module keeps:
- The first entry is `manifest.json`, which says for whom the image is and what it starts.
- Entries are stored, not packed: what is on the disk is what is hashed is what runs, and nothing unfolds.
- Names are plain: small letters, digits and underscores in folders, no way up, no links, none twice.
- Number and size of entries are bounded before anything of them is read.
"""

import json
import re
import struct
import zipfile
from dataclasses import dataclass
from typing import IO, Any

from ringwall.infra.firmware import FirmwareError, check_model, check_vendor, version_of

FORMAT = 1
MANIFEST = "manifest.json"
MAIN = "__main__.py"
LARGEST = 32 * 1024 * 1024
MOST_ENTRIES = 2000
LARGEST_MANIFEST = 4096

_NAME = re.compile(r"(?:[a-z0-9_]{1,64}/){0,8}[a-z0-9_]{1,64}\.[a-z0-9]{1,8}\Z")
_MODULE = re.compile(r"[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*){0,7}\Z")
_FIELDS = {"format", "vendor", "model", "version", "entry"}
_DAMAGED = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    ValueError,
    EOFError,
    OSError,
    OverflowError,
    struct.error,
    KeyError,
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """For whom an image is, which version it has, and the module that it starts."""

    vendor: str
    model: str
    version: str
    entry: str

    def __post_init__(self) -> None:
        """Check every field; raise FirmwareError."""
        check_vendor(self.vendor)
        check_model(self.model)
        version_of(self.version)
        if not _MODULE.match(self.entry):
            raise FirmwareError("The image's entry is no name of a module.")

    def to_bytes(self) -> bytes:
        """The manifest as it stands in an image."""
        told = {
            "format": FORMAT,
            "vendor": self.vendor,
            "model": self.model,
            "version": self.version,
            "entry": self.entry,
        }
        return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()


def read_manifest(file: IO[bytes]) -> Manifest:
    """Return the manifest of an image after looking at all its entries; raise FirmwareError."""
    file.seek(0, 2)
    if file.tell() > LARGEST:
        raise FirmwareError(f"The image of a reference phone has at most {LARGEST} bytes.")
    try:
        with zipfile.ZipFile(file) as archive:
            _check(archive)
            content = archive.read(MANIFEST)
    except _DAMAGED:
        raise FirmwareError("This is no image of a reference phone, or it is damaged.") from None
    return _manifest(content)


def _check(archive: zipfile.ZipFile) -> None:
    entries = archive.infolist()
    if not entries or len(entries) > MOST_ENTRIES:
        raise FirmwareError(f"An image has 1 to {MOST_ENTRIES} entries.")
    names = [entry.filename for entry in entries]
    if names[0] != MANIFEST or MAIN not in names:
        raise FirmwareError(f"An image begins with {MANIFEST} and has a {MAIN}.")
    if len(set(names)) != len(names):
        raise FirmwareError("An image has no entry twice.")
    for entry in entries:
        kind = entry.external_attr >> 28
        plain = entry.compress_type == zipfile.ZIP_STORED and entry.compress_size == entry.file_size
        if not _NAME.match(entry.filename) or not plain or entry.flag_bits & 1 or kind not in {0, 8}:
            raise FirmwareError("An image has plain files only: not packed, not locked, no links.")
    if entries[0].file_size > LARGEST_MANIFEST or sum(entry.file_size for entry in entries) > LARGEST:
        raise FirmwareError("The image is larger than it may be.")


def _manifest(content: bytes) -> Manifest:
    try:
        told: Any = json.loads(content)
    except (ValueError, RecursionError):
        raise FirmwareError("The image's manifest cannot be read.") from None
    if not isinstance(told, dict) or set(told) != _FIELDS or told["format"] != FORMAT:
        raise FirmwareError("The image's manifest is of a form that is not known here.")
    fields = [told[name] for name in ("vendor", "model", "version", "entry")]
    if not all(isinstance(field, str) for field in fields):
        raise FirmwareError("The image's manifest is of a form that is not known here.")
    return Manifest(*fields)

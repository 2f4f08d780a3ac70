"""Builds the image of the reference phone from this very code: same code, same bytes (F1, P5)."""

import hashlib
import io
import zipfile
from pathlib import Path

from ringwall.infra.files import write_atomically
from ringwall.phone.boot.image import MAIN, MANIFEST, Manifest, read_manifest

VENDOR = "ringwall"
MODEL = "reference"
FILENAME = "reference.rwi"
ENTRY = "ringwall.phone.app"

_PACKAGE = Path(__file__).resolve().parents[1]
# The loader stays in the phone when the image changes; who builds images is no part of one.
_PARTS = ("infra", "sip", "phone")
_LEFT_OUT = ("phone/boot/", "phone/build.py")
_TIME = (1980, 1, 1, 0, 0, 0)
_PLAIN = 0o100644 << 16
_MAIN = "import runpy\n\nrunpy.run_module({entry!r}, run_name='__main__', alter_sys=True)\n"


def build(file: Path, version: str, *, extra: dict[str, bytes] | None = None) -> str:
    """Write an image of a version and return its SHA-256; raise FirmwareError where the version is none.

    `extra` are further entries, by their name in the image.
    """
    content = image_of(version, extra=extra)
    write_atomically(file, content, mode=0o644)
    return hashlib.sha256(content).hexdigest()


def image_of(
    version: str,
    *,
    vendor: str = VENDOR,
    model: str = MODEL,
    entry: str = ENTRY,
    extra: dict[str, bytes] | None = None,
) -> bytes:
    """Return an image; raise FirmwareError where it could not be read again."""
    entries = {**_sources(), MAIN: _MAIN.format(entry=entry).encode(), **(extra or {})}
    manifest = Manifest(vendor, model, version, entry)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, content in [(MANIFEST, manifest.to_bytes()), *sorted(entries.items())]:
            about = zipfile.ZipInfo(name, _TIME)
            about.external_attr, about.create_system = _PLAIN, 3
            archive.writestr(about, content)
    read_manifest(packed)
    return packed.getvalue()


def _sources() -> dict[str, bytes]:
    found = {"ringwall/__init__.py": (_PACKAGE / "__init__.py").read_bytes()}
    for part in _PARTS:
        for path in sorted((_PACKAGE / part).rglob("*.py")):
            name = path.relative_to(_PACKAGE).as_posix()
            if not name.startswith(_LEFT_OUT):
                found[f"ringwall/{name}"] = path.read_bytes()
    return found

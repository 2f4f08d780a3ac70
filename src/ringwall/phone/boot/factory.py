"""Making a phone: what it trusts for ever goes in, and its first image, verified like any other (F2)."""

import json
import re
import secrets
from pathlib import Path

from tuf.api.exceptions import RepositoryError, UnsignedMetadataError
from tuf.api.metadata import Metadata, Root
from tuf.api.serialization import DeserializationError

from ringwall.infra.files import write_atomically
from ringwall.infra.firmware import FirmwareError, ImageName, check_model, check_vendor
from ringwall.phone.boot import update
from ringwall.phone.boot.fetch import Fetcher
from ringwall.phone.boot.made import Wish
from ringwall.phone.boot.memory import Memory


def make(
    folder: Path,
    *,
    vendor: str,
    model: str,
    root: bytes,
    authority: bytes,
    mac: str | None = None,
    identity: bytes | None = None,
) -> Memory:
    """Make a phone without an image; raise FirmwareError where the folder is one, or root is no root.

    `root` is root.json, `authority` the PEM of the authority that vouches for the server, `identity` the PEM
    of a factory certificate and its key. Without a `mac` it gets one of those that nobody is sold (the bit
    for locally administered addresses is set).
    """
    rom = folder / "rom"
    if rom.exists():
        raise FirmwareError(f"{folder} is a phone already.")
    try:
        read = Metadata[Root].from_bytes(root)
        read.signed.verify_delegate("root", read.signed_bytes, read.signatures)
    except (DeserializationError, UnsignedMetadataError, RepositoryError, ValueError, AttributeError):
        raise FirmwareError("This is no signed root.json: take the one that is published.") from None
    told = {"vendor": check_vendor(vendor), "model": check_model(model), "mac": _mac(mac)}
    rom.mkdir(mode=0o700, parents=True)
    write_atomically(rom / "root.json", root, mode=0o400)
    write_atomically(rom / "ca.crt", authority, mode=0o400)
    if identity is not None:
        write_atomically(rom / "identity.pem", identity, mode=0o400)
    # The last: without it the folder is no phone.
    write_atomically(rom / "phone.json", json.dumps(told).encode(), mode=0o400)
    return Memory(folder)


def load_first_image(memory: Memory, wish: Wish, fetcher: Fetcher | None = None) -> ImageName | None:
    """Put the first image into a phone, as every later one; raise RefusedError."""
    memory.wish = wish
    return update.install(memory, memory.factory(), wish, fetcher)


def _mac(text: str | None) -> str:
    if text is None:
        return f"02{secrets.token_hex(5)}"
    mac = re.sub(r"[:-]", "", text).lower()
    if not re.fullmatch(r"[0-9a-f]{12}", mac):
        raise FirmwareError("A MAC address is twelve hexadecimal digits, such as 02:00:5e:10:00:01.")
    return mac

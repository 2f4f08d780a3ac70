"""Making a phone: what it trusts for ever goes in, and its first image, verified like any other (F2)."""

import json
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


def make(folder: Path, *, vendor: str, model: str, root: bytes, authority: bytes) -> Memory:
    """Make a phone without an image; raise FirmwareError where the folder is one, or root is no root.

    `root` is root.json, `authority` the PEM of the authority that vouches for the server.
    """
    rom = folder / "rom"
    if rom.exists():
        raise FirmwareError(f"{folder} is a phone already.")
    try:
        read = Metadata[Root].from_bytes(root)
        read.signed.verify_delegate("root", read.signed_bytes, read.signatures)
    except (DeserializationError, UnsignedMetadataError, RepositoryError, ValueError, AttributeError):
        raise FirmwareError("This is no signed root.json: take the one that is published.") from None
    told = {"vendor": check_vendor(vendor), "model": check_model(model)}
    rom.mkdir(mode=0o700, parents=True)
    write_atomically(rom / "root.json", root, mode=0o400)
    write_atomically(rom / "ca.crt", authority, mode=0o400)
    write_atomically(rom / "phone.json", json.dumps(told).encode(), mode=0o400)
    return Memory(folder)


def load_first_image(memory: Memory, wish: Wish, fetcher: Fetcher | None = None) -> ImageName | None:
    """Put the first image into a phone, as every later one; raise RefusedError."""
    memory.wish = wish
    return update.install(memory, memory.factory(), wish, fetcher)

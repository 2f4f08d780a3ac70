"""What server, signing room and phone must agree about: how images are named, and how large things may be.

Rules that this module keeps:
- An image is VENDOR/MODEL/VERSION/FILENAME, in small letters but for the file's name, which some vendors'
  phones ask for by heart. Nothing else is a name: no empty part, no `..`, no escape.
- A version is numbers joined by dots. They are compared as numbers, and 1.2 is 1.2.0.
- The role that may sign for a vendor is called like the vendor, the one for a model VENDOR.MODEL, and each
  has exactly one pattern of names: so no key of one vendor counts for another's phone.
"""

import re
from dataclasses import dataclass
from typing import Self

from ringwall.infra.errors import RingwallError

LARGEST_IMAGE = 512 * 1024 * 1024
LARGEST_METADATA = 1024 * 1024
"""Bytes of one file of metadata."""
LARGEST_TIMESTAMP = 16 * 1024
MOST_ROOTS = 256
"""How many versions of root a phone follows from the one that it was made with."""

TOP_LEVEL = ("root", "targets", "snapshot", "timestamp")

_WORD = re.compile(r"[a-z0-9][a-z0-9-]{0,31}\Z")
_FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_VERSION = re.compile(r"(?:0|[1-9][0-9]{0,8})(?:\.(?:0|[1-9][0-9]{0,8})){0,5}\Z")
_PARTS = 4


class FirmwareError(RingwallError):
    """A firmware image, its metadata or a key is not what it must be; the text says what is wrong."""

    code = "firmware"


def version_of(text: str) -> tuple[int, ...]:
    """Return a version to compare, without zeros at its end; raise FirmwareError."""
    if not isinstance(text, str) or not _VERSION.match(text):
        raise FirmwareError("A version is up to six numbers joined by dots, such as 1.4.2.")
    numbers = [int(part) for part in text.split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def check_vendor(text: str) -> str:
    """Return the name of a vendor; raise FirmwareError."""
    if not _WORD.match(text) or text in TOP_LEVEL:
        raise FirmwareError("A vendor is 1 to 32 small letters, digits or hyphens, such as yealink.")
    return text


def check_model(text: str) -> str:
    """Return the name of a model; raise FirmwareError."""
    if not _WORD.match(text):
        raise FirmwareError("A model is 1 to 32 small letters, digits or hyphens, such as t54w.")
    return text


def model_word(text: str) -> str:
    """Return the name of a model as firmware has it: small letters, and a hyphen for every other sign.

    What a phone says of itself may be anything; so may be what comes of it, which then is no model.
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:32]


@dataclass(frozen=True, slots=True)
class ImageName:
    """The name of an image, checked; `str` gives its path in the repository."""

    vendor: str
    model: str
    version: str
    filename: str

    def __post_init__(self) -> None:
        """Check every part; raise FirmwareError."""
        check_vendor(self.vendor)
        check_model(self.model)
        version_of(self.version)
        if not _FILENAME.match(self.filename):
            raise FirmwareError("A file's name is 1 to 100 letters, digits or . _ -, such as 6930.st.")

    @classmethod
    def parse(cls, path: str) -> Self:
        """Return the name that a path is; raise FirmwareError."""
        parts = path.split("/")
        if len(parts) != _PARTS:
            raise FirmwareError("An image's path is VENDOR/MODEL/VERSION/FILENAME.")
        return cls(*parts)

    def __str__(self) -> str:
        return f"{self.vendor}/{self.model}/{self.version}/{self.filename}"


@dataclass(frozen=True, slots=True)
class SigningRole:
    """A role that signs images: of a vendor, or of one model of a vendor (F1)."""

    vendor: str
    model: str | None = None

    def __post_init__(self) -> None:
        """Check both words; raise FirmwareError."""
        check_vendor(self.vendor)
        if self.model is not None:
            check_model(self.model)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the role that is written VENDOR, VENDOR.MODEL or VENDOR/MODEL; raise FirmwareError."""
        vendor, dot, model = text.replace("/", ".", 1).partition(".")
        return cls(vendor, model if dot else None)

    @property
    def name(self) -> str:
        """The name of the role in the metadata."""
        return self.vendor if self.model is None else f"{self.vendor}.{self.model}"

    @property
    def parent(self) -> str:
        """The name of the role that delegates to this one."""
        return "targets" if self.model is None else self.vendor

    @property
    def pattern(self) -> str:
        """The one pattern of names that this role may sign."""
        return f"{self.vendor}/*/*/*" if self.model is None else f"{self.vendor}/{self.model}/*/*"

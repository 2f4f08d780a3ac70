"""What a phone was made with, and what a server may wish for."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Wish:
    """What the server wants the phone to have: `url` is https://HOST/firmware/, `path` names the image."""

    url: str
    path: str


@dataclass(frozen=True, slots=True)
class Factory:
    """What the phone was made with, and never changes.

    `mac` is its MAC address, twelve small digits; `identity` the PEM of its factory certificate and key,
    where its vendor gave it one.
    """

    vendor: str
    model: str
    root: bytes
    ca_file: Path | None
    mac: str = ""
    identity: Path | None = None

"""The vendors whose phones can be set up, and how each asks for its configuration (P5). Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ringwall.core.phones.mac import parse_mac

LONGEST_NAME: Final = 64
LONGEST_AGENT: Final = 256

_MAC: Final = r"(?P<mac>[0-9A-Fa-f]{12})"


@dataclass(frozen=True, slots=True)
class Vendor:
    """One vendor. `files` are the names under which its phones ask; `agent` is found in their User-Agent.

    `content` is the media type of its configuration.
    """

    key: str
    title: str
    content: str
    files: tuple[re.Pattern[str], ...]
    agent: re.Pattern[str]


def _vendor(key: str, title: str, content: str, files: tuple[str, ...], agent: str) -> Vendor:
    return Vendor(
        key,
        title,
        content,
        tuple(re.compile(rf"{one}\Z") for one in files),
        re.compile(agent, re.IGNORECASE),
    )


VENDORS: Final[Mapping[str, Vendor]] = MappingProxyType(
    {
        one.key: one
        for one in (
            _vendor("ringwall", "Ringwall", "application/json", (rf"{_MAC}\.json",), r"\Aringwall"),
            _vendor("mitel", "Mitel 6900", "text/plain", (rf"{_MAC}\.cfg",), r"mitel|aastra"),
            _vendor("yealink", "Yealink", "text/plain", (rf"{_MAC}\.cfg",), r"yealink"),
            _vendor("poly", "Poly", "application/xml", (rf"{_MAC}\.cfg", rf"{_MAC}-ringwall\.cfg"), r"poly"),
            _vendor("grandstream", "Grandstream", "application/xml", (rf"cfg{_MAC}\.xml",), r"grandstream"),
            _vendor("snom", "Snom", "application/xml", (rf"snom-{_MAC}\.xml",), r"snom"),
        )
    }
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request says of the phone that sent it, none of it proven. Empty where it says nothing."""

    mac: str = ""
    vendor: str = ""
    model: str = ""


_VERSION: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){1,5}\Z")


def version_in(user_agent: str) -> str | None:
    """Return the firmware that a User-Agent says its phone has; None where it says none. Never raises."""
    words = user_agent[:LONGEST_AGENT].replace("/", " ").split()
    return next((word for word in words if _VERSION.match(word)), None)


_MODEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+.-]{0,31}\Z")


def asked_by(name: str, user_agent: str) -> Asked:
    """Return what the name of a file and the User-Agent say. Never raises, whatever they are."""
    if len(name) > LONGEST_NAME:
        return Asked()
    user_agent = user_agent[:LONGEST_AGENT]
    speaking = next((one for one in VENDORS.values() if one.agent.search(user_agent)), None)
    for vendor in (speaking,) if speaking is not None else VENDORS.values():
        for form in vendor.files:
            found = form.match(name)
            mac = parse_mac(found["mac"]) if found else None
            if mac is not None:
                # A name that several vendors use says nothing of which it is.
                known = speaking or (
                    vendor if name != f"{mac}.cfg" and name.lower() != f"{mac}.cfg" else None
                )
                return Asked(mac, known.key if known else "", _model(user_agent) if known else "")
    return Asked(vendor=speaking.key if speaking is not None else "")


def _model(user_agent: str) -> str:
    """Return the word behind the vendor's name: `Yealink SIP-T46U 108.86.0.90 00:15:65:...` says SIP-T46U."""
    for word in user_agent.replace("/", " ").replace("-UA", " ").split()[1:]:
        if _MODEL.match(word) and any(sign.isdigit() for sign in word) and parse_mac(word) is None:
            return word
    return ""

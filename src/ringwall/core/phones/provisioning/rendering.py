"""A phone's configuration in its vendor's form (P5).

Rules that this module keeps:
- Every configuration says: TLS only, SRTP always, our authority, the web page off, a password of its own for
  the phone's administrator, where to ask again, and nothing that another phone could use.
- What people named (users, labels) is escaped in XML; in line formats everything that is not printable,
  quotes and what begins a comment is taken out, so that no name can become a setting.
"""

import json
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ringwall.core.phones.provisioning.facts import Facts

_NEVER: Final = frozenset("\"\\#;=<>|'`")


def _line(value: Any) -> Any:
    """Return a value that stays within its line and its setting."""
    if not isinstance(value, str):
        return value
    return "".join(sign if sign.isprintable() and sign not in _NEVER else " " for sign in value)


_FOLDER: Final = Path(__file__).with_name("templates")
_XML: Final = Environment(
    loader=FileSystemLoader(_FOLDER),
    undefined=StrictUndefined,
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
_LINES: Final = Environment(
    loader=FileSystemLoader(_FOLDER),
    undefined=StrictUndefined,
    autoescape=False,  # noqa: S701 - no markup; `finalize` takes out what could begin another setting
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    finalize=_line,
)


def render(facts: Facts, file: str) -> bytes:
    """Return the configuration of a phone; `file` is the name that it asked for."""
    return _BY_VENDOR[facts.vendor](facts, file).encode()


def _yealink(facts: Facts, _file: str) -> str:
    return _LINES.get_template("yealink.cfg.j2").render(f=facts)


def _mitel(facts: Facts, _file: str) -> str:
    return _LINES.get_template("mitel.cfg.j2").render(f=facts)


def _poly(facts: Facts, file: str) -> str:
    name = "poly.cfg.j2" if file.endswith("-ringwall.cfg") else "poly-master.cfg.j2"
    return _XML.get_template(name).render(f=facts)


def _grandstream(facts: Facts, _file: str) -> str:
    return _XML.get_template("grandstream.xml.j2").render(f=facts)


def _snom(facts: Facts, _file: str) -> str:
    return _XML.get_template("snom.xml.j2").render(f=facts)


def _ringwall(facts: Facts, _file: str) -> str:
    """The reference phone: what it has to know, as JSON."""
    told = {
        "mac": facts.mac,
        "label": facts.label,
        "state": "assigned" if facts.assigned else "available",
        "user": {"extension": facts.extension, "name": facts.name} if facts.assigned else None,
        "sip": {
            "domain": facts.domain,
            "server": facts.server,
            "port": facts.sips_port,
            "transport": "tls",
            "user": facts.extension,
            "auth_user": facts.auth_user,
            "password": facts.password,
            "register_seconds": facts.register_seconds,
            "srtp": "mandatory",
        },
        "ca": facts.ca,
        "folder": facts.folder,
        "firmware": _image(facts),
        "time": {"server": facts.time_server, "zone": facts.time_zone},
        "features": {"login": facts.login, "logout": facts.logout, "mailbox": facts.mailbox},
        "buttons": [
            {"label": "Mailbox", "dial": facts.mailbox},
            {"label": "Log out", "dial": facts.logout},
        ]
        if facts.assigned
        else [],
    }
    return json.dumps(told, ensure_ascii=False)


def _image(facts: Facts) -> dict[str, str] | None:
    """The image: for the update client by its name in the repository, besides its own address."""
    if not facts.firmware:
        return None
    return {
        "address": facts.firmware,
        "sha256": facts.firmware_sha256,
        "url": f"{facts.firmware.partition('/firmware/')[0]}/firmware/",
        "path": facts.firmware_path,
    }


_BY_VENDOR: Final = {
    "yealink": _yealink,
    "mitel": _mitel,
    "poly": _poly,
    "grandstream": _grandstream,
    "snom": _snom,
    "ringwall": _ringwall,
}

"""The phone's configuration, as the server tells it in JSON, checked before anything of it counts (P3).

Rules that this module keeps:
- What is missing or of another type makes the whole of it unusable: the phone keeps what it has.
- Nothing but TLS and SRTP is taken, whoever says so.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from ringwall.infra.errors import RingwallError
from ringwall.infra.firmware import FirmwareError, ImageName
from ringwall.phone.line import Account

MOST_BUTTONS = 64
LONGEST = 256


class ConfigError(RingwallError):
    """The configuration cannot be used; the text says why."""

    code = "configuration"


@dataclass(frozen=True, slots=True)
class Button:
    """A key beside the display: what stands there, and what it dials."""

    label: str
    dial: str


@dataclass(frozen=True, slots=True)
class Config:
    """What the phone is told. Without a user nobody is logged in; `image` is the firmware it is to have."""

    state: str
    extension: str
    name: str
    server: str
    port: int
    account: Account = field(repr=False)
    login: str
    logout: str
    mailbox: str
    buttons: tuple[Button, ...]
    firmware_url: str
    image: str

    @property
    def assigned(self) -> bool:
        """Whether a user is logged in."""
        return self.state == "assigned"


def read_config(body: bytes) -> Config:
    """Return the configuration; raise ConfigError."""
    try:
        told = json.loads(body)
        sip = told["sip"]
        _check_secure(sip["transport"], sip["srtp"])
        user = told["user"] or {}
        firmware = told.get("firmware") or {}
        features = told.get("features") or {}
        return Config(
            state=_text(told["state"]),
            extension=_text(user.get("extension", "")),
            name=_text(user.get("name", "")),
            server=_text(sip["server"]),
            port=_port(sip["port"]),
            account=Account(
                _text(sip["user"]), _text(sip["domain"]), _text(sip["auth_user"]), _text(sip["password"])
            ),
            login=_text(features.get("login", "")),
            logout=_text(features.get("logout", "")),
            mailbox=_text(features.get("mailbox", "")),
            buttons=tuple(_button(one) for one in told.get("buttons", [])[:MOST_BUTTONS]),
            firmware_url=_url(firmware.get("url", "")),
            image=_image(firmware.get("path", "")),
        )
    except ConfigError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, FirmwareError):
        raise ConfigError("The configuration cannot be read.") from None


def _check_secure(transport: Any, srtp: Any) -> None:
    if transport != "tls" or srtp != "mandatory":
        raise ConfigError("The server tells the phone to do without encryption: that is not done.")


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST or not (value.isprintable() or not value):
        raise ValueError("no text")
    return value


def _port(value: Any) -> int:
    if not isinstance(value, int) or not 0 < value < 65536:
        raise ValueError("no port")
    return value


def _url(value: Any) -> str:
    text = _text(value)
    if text and not text.startswith("https://"):
        raise ConfigError("The server names an address without https.")
    return text


def _image(value: Any) -> str:
    text = _text(value)
    return str(ImageName.parse(text)) if text else ""


def _button(told: Any) -> Button:
    return Button(_text(told["label"]), _text(told["dial"]))

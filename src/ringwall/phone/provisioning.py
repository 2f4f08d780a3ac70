"""What the phone asks of the server over HTTPS: to be let in, its configuration, login (P1, P3, P4)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ringwall.phone.config import Config, read_config
from ringwall.phone.identity import Identity
from ringwall.phone.server import Server, ServerError

_BASE = "/phone/v1/"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a login: whether it was done, else the reason in a word and in a sentence."""

    done: bool
    reason: str = ""
    text: str = ""


class NotKnownError(ServerError):
    """The server does not know the phone (yet): somebody has to let it in."""

    code = "not-known"


class Provisioning:
    """One phone's talk with one server."""

    def __init__(self, server: Server, identity: Identity, mac: str, model: str) -> None:
        self._server = server
        self._identity = identity
        self._mac = mac
        self._model = model

    async def enrol(self, *, code: str = "", extension: str = "", pin: str = "") -> None:
        """Ask for a certificate: with a code that was typed, as a user, or because somebody approved.

        Raises NotKnownError where the phone is not let in, ServerError, IdentityError.
        """
        told = {"mac": self._mac, "csr": self._identity.request(), "model": self._model}
        told |= {"code": code} if code else {}
        told |= {"extension": extension, "pin": pin} if extension else {}
        status, body = await self._ask("POST", "enrol", told)
        if status != 201:
            raise NotKnownError("Nobody has let this phone in yet." if status == 401 else _text(status, body))
        self._identity.take(str(_object(body).get("certificate", "")))

    async def renew(self) -> None:
        """Ask for the next certificate; raise ServerError or IdentityError."""
        status, body = await self._ask("POST", "renew", {"csr": self._identity.request()})
        if status != 201:
            raise ServerError(_text(status, body))
        self._identity.take(str(_object(body).get("certificate", "")))

    async def configuration(self) -> Config:
        """Fetch the configuration; raise NotKnownError, ServerError or ConfigError."""
        status, body = await self._ask("GET", "config")
        if status == 401:
            raise NotKnownError("The server does not know this phone yet.")
        if status != 200:
            raise ServerError(_text(status, body))
        return read_config(body)

    async def login(self, extension: str, pin: str, new_pin: str = "") -> Answer:
        """Log a user in at this phone; raise ServerError."""
        told = {"extension": extension, "pin": pin} | ({"new_pin": new_pin} if new_pin else {})
        return _answer(*await self._ask("POST", "login", told))

    async def logout(self) -> Answer:
        """Log out whoever is logged in; raise ServerError."""
        return _answer(*await self._ask("POST", "logout", {}))

    async def report(self, refusal: Mapping[str, Any]) -> bool:
        """Tell of an image that the phone refused; return whether it is on record. Raise ServerError."""
        told = {"image": refusal["image"], "version": refusal["running"], "reason": refusal["reason"]}
        status, _body = await self._ask("POST", "firmware", told)
        return status == 200

    async def _ask(self, method: str, path: str, told: dict[str, Any] | None = None) -> tuple[int, bytes]:
        self._server.identify(self._identity.pem)
        return await self._server.ask(method, _BASE + path, told=told)


def _answer(status: int, body: bytes) -> Answer:
    if status == 200:
        return Answer(done=True)
    return Answer(done=False, reason=str(_object(body).get("reason", status)), text=_text(status, body))


def _text(status: int, body: bytes) -> str:
    text = _object(body).get("text")
    return text[:200] if isinstance(text, str) else f"The server answers {status}."


def _object(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}

"""What the phone asks of the server over HTTPS: to be let in, its configuration, login (P1, P3, P4)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ringwall.phone.config import Config, read_config
from ringwall.phone.identity import Identity
from ringwall.phone.server import Server, ServerError

FOLDER = "/phone/"


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

    def __init__(self, server: Server, identity: Identity, mac: str) -> None:
        self._server = server
        self._identity = identity
        self._mac = mac

    async def enrol(self, code: str = "") -> None:
        """Ask for a certificate of our own, with the code that was typed or because somebody approved.

        Raises NotKnownError where the phone is not let in, ServerError, IdentityError.
        """
        told = {"mac": self._mac, "request": self._identity.request(), "code": code}
        status, body = await self._ask("POST", "enrol", told)
        if status != 200:
            raise NotKnownError("Nobody has let this phone in yet.")
        self._identity.take(str(_object(body).get("certificate", "")))

    async def configuration(self) -> Config:
        """Fetch the configuration; raise NotKnownError, ServerError or ConfigError."""
        status, body = await self._ask("GET", f"{self._mac}.json")
        if status in {401, 403, 404}:
            raise NotKnownError("The server does not know this phone yet.")
        if status != 200:
            raise ServerError(f"The server answers {status}.")
        return read_config(body)

    async def login(self, extension: str, pin: str, new_pin: str = "") -> Answer:
        """Log a user in at this phone; raise ServerError."""
        told = {"extension": extension, "pin": pin} | ({"new_pin": new_pin} if new_pin else {})
        return _answer(*await self._ask("POST", "login", told))

    async def logout(self) -> Answer:
        """Log out whoever is logged in; raise ServerError."""
        return _answer(*await self._ask("POST", "logout", {}))

    async def report(self, refusals: Sequence[dict[str, Any]]) -> bool:
        """Tell of images that the phone refused; return whether that is on record. Raise ServerError."""
        status, _body = await self._ask("POST", "refused", {"refusals": list(refusals)})
        return status in {200, 204}

    async def _ask(self, method: str, path: str, told: dict[str, Any] | None = None) -> tuple[int, bytes]:
        self._server.identify(self._identity.pem)
        return await self._server.ask(method, FOLDER + path, told=told)


def _answer(status: int, body: bytes) -> Answer:
    if status in {200, 204}:
        return Answer(done=True)
    told = _object(body)
    error = told.get("error")
    told = error if isinstance(error, dict) else told
    text = str(told.get("message") or told.get("text") or f"The server answers {status}.")
    return Answer(done=False, reason=str(told.get("reason") or told.get("code") or status), text=text[:200])


def _object(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}

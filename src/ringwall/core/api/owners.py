"""Owners of mailboxes who come by the API: extension and PIN, then a token.

Kept here:
- The PIN is looked at by the one who looks at all PINs, with its lock-out and slow answers; the address that
  the request came from is the source.
- Of a token only its SHA-256 is kept, in memory: it ends with the process, after some hours, when the PIN is
  changed, and with its user.
- With a PIN that has to be changed nobody gets a token.
"""

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ringwall.core.api.accounts import NotSignedInError, TooManyTriesError
from ringwall.core.directory import DirectoryService, UserEntry
from ringwall.core.errors import OperationError
from ringwall.core.pins.service import Accepted, Locked, PinService

TOKEN_S: Final = 8 * 3600.0
MOST_TOKENS: Final = 10  # of one owner


@dataclass(frozen=True, slots=True)
class OwnerSession:
    """Whose token it is, until when (Unix seconds), and the PIN by which it was got."""

    user_id: int
    extension: str
    expires_at: float
    pin_set_at: float


class Owners:
    """Signs owners of mailboxes in and knows their tokens."""

    def __init__(
        self, pins: PinService, directory: DirectoryService, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._pins = pins
        self._directory = directory
        self._clock = clock
        self._sessions: dict[str, OwnerSession] = {}

    async def sign_in(self, extension: str, pin: str, source: str) -> tuple[str, OwnerSession]:
        """Return a new token and its session.

        Raises NotSignedInError, TooManyTriesError, OperationError (refused, unavailable) or StoreError.
        """
        answer = await self._prove(extension, pin, source)
        if answer.must_change:
            raise OperationError(
                "refused", "This PIN has to be changed first: PUT the old and a new one to /api/mailbox/pin."
            )
        user = self._directory.user(extension)
        now = self._clock()
        state = self._pins.state(extension)
        session = OwnerSession(user.id, extension, now + TOKEN_S, state.set_at)
        self._make_room(user.id, now)
        token = f"rwm_{secrets.token_urlsafe(32)}"
        self._sessions[_digest(token)] = session
        return token, session

    async def change_pin(self, extension: str, pin: str, new: str, source: str) -> None:
        """Give an owner another PIN; raise as `sign_in`, and OperationError (invalid)."""
        await self._prove(extension, pin, source)
        await self._pins.choose(extension, new, f"web:{source}")

    async def _prove(self, extension: str, pin: str, source: str) -> Accepted:
        answer = await self._pins.check(extension, pin, f"web:{source}")
        if isinstance(answer, Locked):
            raise TooManyTriesError(answer.seconds)
        if not isinstance(answer, Accepted):
            raise NotSignedInError
        return answer

    def owner(self, token: str) -> UserEntry:
        """Return whose token this is; raise NotSignedInError."""
        session = self._sessions.get(_digest(token))
        user = self._directory.snapshot.by_extension.get(session.extension) if session is not None else None
        if (
            session is None
            or user is None
            or user.id != session.user_id
            or session.expires_at <= self._clock()
            or self._pins.state(user.extension).set_at != session.pin_set_at
        ):
            self._sessions.pop(_digest(token), None)
            raise NotSignedInError
        return user

    def sign_out(self, token: str) -> None:
        """Make a token worthless; raise NotSignedInError."""
        self.owner(token)
        del self._sessions[_digest(token)]

    def _make_room(self, user_id: int, now: float) -> None:
        for digest in [each for each, one in self._sessions.items() if one.expires_at <= now]:
            del self._sessions[digest]
        own = [digest for digest, one in self._sessions.items() if one.user_id == user_id]
        for digest in own[: max(0, len(own) - MOST_TOKENS + 1)]:
            del self._sessions[digest]


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()

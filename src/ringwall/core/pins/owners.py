"""Owners of mailboxes who sign in with extension and PIN.

Kept here:
- The PIN is looked at by the one who looks at all PINs, with its lock-out and slow answers; the address that
  the request came from is the source.
- A session ends after some hours, when the PIN is changed, and with its user.
- With a PIN that has to be changed nobody gets a token.
"""

from ringwall.core.directory import DirectoryService, UserEntry
from ringwall.core.errors import OperationError
from ringwall.core.identity.errors import NotSignedInError, TooManyTriesError
from ringwall.core.identity.permissions import Permission, Role, permits
from ringwall.core.identity.sessions import Holder, Session, Sessions, Subject
from ringwall.core.pins.service import Accepted, Locked, PinService


class Owners:
    """Signs owners of mailboxes in and out, and knows whose token is whose."""

    def __init__(self, pins: PinService, directory: DirectoryService, sessions: Sessions) -> None:
        self._pins = pins
        self._directory = directory
        self._sessions = sessions

    async def sign_in(self, extension: str, pin: str, source: str) -> tuple[str, Session]:
        """Return a new token and its session.

        Raises NotSignedInError, TooManyTriesError, OperationError (refused, unavailable) or StoreError.
        """
        answer = await self._prove(extension, pin, source)
        if answer.must_change:
            raise OperationError(
                "refused", "This PIN has to be changed first: PUT the old and a new one to /api/mailbox/pin."
            )
        user = self._directory.user(extension)
        set_at = self._pins.state(extension).set_at
        return await self._sessions.begin(Subject(Holder.USER, user.id, extension, Role.USER, set_at))

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
        """Return whose token this is, if they may open their mailbox; raise NotSignedInError."""
        subject = self._sessions.find(token, Holder.USER).subject
        user = self._directory.snapshot.by_extension.get(subject.name)
        if (
            user is None
            or user.id != subject.number
            or self._pins.state(user.extension).set_at != subject.secret_set_at
        ):
            self._sessions.forget(token)
            raise NotSignedInError
        if not permits(subject.role, Permission.MAILBOX_OWN):
            raise NotSignedInError
        return user

    async def sign_out(self, token: str) -> None:
        """Make a token worthless; raise NotSignedInError or StoreError."""
        self.owner(token)
        await self._sessions.end(token)

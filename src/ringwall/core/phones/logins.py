"""Login and logout at a phone, whatever way somebody asks for it (P3, C2).

Rules that this module keeps:
- The phone has proven who it is before it comes here; the user proves who they are by their PIN.
- A PIN that has to be changed opens nothing but its change: the login goes on when a new one is given with
  it.
- A wrong PIN, an extension that is not there and one without a PIN are answered alike.
- Who may log in where is decided by `moving` and the right Allow Extension Reassignment.
"""

from dataclasses import dataclass
from typing import Final, Literal

from ringwall.core.directory import DirectoryService, UserEntry
from ringwall.core.errors import OperationError
from ringwall.core.operations import Actor
from ringwall.core.phones import moving
from ringwall.core.phones.model import PhoneEntry
from ringwall.core.phones.moving import Floor, NoHomeError, NotAllowedError
from ringwall.core.phones.service import PhoneService
from ringwall.core.pins.service import Accepted, Locked, PinService
from ringwall.core.rights.service import RightsService
from ringwall.policy.actions import Action, Context, UserSubject
from ringwall.policy.decide import may

Reason = Literal["wrong", "locked", "must_change", "bad_pin", "not_allowed", "not_possible"]

SENTENCES: Final[dict[Reason, str]] = {
    "wrong": "The extension or the PIN is wrong.",
    "locked": "There were too many wrong tries. Try again later.",
    "must_change": "Choose a new PIN.",
    "bad_pin": "Choose another PIN.",
    "not_allowed": "You may not log in at this phone.",
    "not_possible": "Nobody can log in at this phone now.",
}


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The user is logged in. `days_left` is how long the PIN lasts where that is to be told, else None."""

    phone: PhoneEntry
    extension: str
    name: str
    days_left: int | None


@dataclass(frozen=True, slots=True)
class NotLoggedIn:
    """Nothing has changed. `text` is a sentence for the user, `seconds` until another try is allowed."""

    reason: Reason
    text: str
    seconds: float = 0.0


class Logins:
    """Logs users in and out."""

    def __init__(
        self, phones: PhoneService, directory: DirectoryService, rights: RightsService, pins: PinService
    ) -> None:
        self._phones = phones
        self._directory = directory
        self._rights = rights
        self._pins = pins

    async def login(
        self, phone: PhoneEntry, extension: str, pin: str, source: str, *, new_pin: str = ""
    ) -> LoggedIn | NotLoggedIn:
        """Log a user in with the PIN that they typed at a phone, which asks from `source`.

        Raises OperationError (unavailable, not_found) or StoreError.
        """
        phone, place = self._phones.now(phone), f"phone:{phone.mac}"
        user = self._directory.snapshot.by_extension.get(extension)
        # The home phone, or the one at which the user is already, cannot be locked from elsewhere.
        own = user is not None and user.id in (phone.home, phone.user)
        checked = await self._pins.check(extension, pin, place, own_phone=own)
        if isinstance(checked, Locked):
            return NotLoggedIn("locked", SENTENCES["locked"], checked.seconds)
        if not isinstance(checked, Accepted) or user is None:
            return NotLoggedIn("wrong", SENTENCES["wrong"])
        if checked.must_change:
            if not new_pin:
                return NotLoggedIn("must_change", SENTENCES["must_change"])
            try:
                await self._pins.choose(extension, new_pin, place)
            except OperationError as error:
                return NotLoggedIn("bad_pin", error.message)
        moved = await self.take(phone, extension, source)
        if isinstance(moved, NotLoggedIn):
            return moved
        return LoggedIn(moved, extension, user.name, checked.days_left if checked.warn else None)

    async def take(self, phone: PhoneEntry, extension: str, source: str) -> PhoneEntry | NotLoggedIn:
        """Log a user in whose PIN was checked already; raise OperationError or StoreError."""
        actor = {"kind": "user", "name": extension, "source": f"phone:{phone.mac} {source}"}
        return await self._move(phone, self._directory.user(extension), actor)

    async def _move(
        self, phone: PhoneEntry, user: UserEntry, actor: dict[str, str]
    ) -> PhoneEntry | NotLoggedIn:
        try:
            async with self._phones.changing:
                self._directory.user(user.extension)
                phone = self._phones.now(phone)
                free = self.may_move(user.extension)
                await self._phones.move(
                    lambda floor: moving.login(floor, phone.id, user.id, may_move=free),
                    actor=actor,
                    why="login",
                )
                return self._phones.now(phone)
        except NotAllowedError:
            self._phones.refused(phone, actor, "the user may not move to another phone")
            return NotLoggedIn("not_allowed", SENTENCES["not_allowed"])
        except OperationError as error:
            if error.code != "conflict":
                raise
            return NotLoggedIn("not_possible", SENTENCES["not_possible"])

    def may_move(self, extension: str) -> bool:
        """Whether a user may log in at other phones than their own: Allow Extension Reassignment (C2)."""
        context = Context(self._phones.clock(), self._rights.use)
        answer = may(self._rights.snapshot, UserSubject(extension), Action.REASSIGN, context=context)
        return answer.allowed

    async def logout(self, phone: PhoneEntry, source: str) -> PhoneEntry:
        """Log out whoever is at a phone; raise OperationError or StoreError."""
        actor = {"kind": "phone", "name": phone.mac, "source": source}
        return await self._out(phone, actor)

    async def unassign(self, actor: Actor, mac: str) -> PhoneEntry:
        """Log out whoever is at a phone, as an administrator; raise OperationError or StoreError."""
        return await self._out(self._phones.named(mac), actor.to_dict())

    async def _out(self, phone: PhoneEntry, actor: dict[str, str]) -> PhoneEntry:
        async with self._phones.changing:
            phone = self._phones.now(phone)
            await self._phones.move(lambda floor: moving.logout(floor, phone.id), actor=actor, why="logout")
            return self._phones.now(phone)

    async def assign(self, actor: Actor, mac: str, extension: str, *, home: bool) -> PhoneEntry:
        """Log a user in as an administrator, and make it the user's home phone if `home`.

        Raises OperationError (not_found, conflict) or StoreError.
        """
        async with self._phones.changing:
            phone, user = self._phones.named(mac), self._directory.user(extension)

            def move(floor: Floor) -> None:
                if home:
                    moving.give_home(floor, phone.id, user.id)
                moving.login(floor, phone.id, user.id, may_move=True)

            await self._phones.move(move, actor=actor.to_dict(), why="assigned by an administrator")
            return self._phones.now(phone)

    async def go_home(self, actor: Actor, extension: str) -> PhoneEntry:
        """Bring a user to their home phone, whoever is there; raise OperationError or StoreError."""
        async with self._phones.changing:
            user = self._directory.user(extension)
            try:
                await self._phones.move(
                    lambda floor: moving.go_home(floor, user.id), actor=actor.to_dict(), why="go home"
                )
            except NoHomeError:
                raise OperationError(
                    "conflict", f"{extension} has no home phone: ./ringwall phone set MAC --home {extension}."
                ) from None
            return self._phones.phones.at[user.id]

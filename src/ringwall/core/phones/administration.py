"""What administrators do to phones: add, change, approve, block, forget, remove."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from ringwall.core.directory import DirectoryService
from ringwall.core.errors import OperationError
from ringwall.core.numbers import outside_number
from ringwall.core.operations import Actor
from ringwall.core.phones import moving
from ringwall.core.phones.admission import happens
from ringwall.core.phones.mac import check_mac
from ringwall.core.phones.model import Enrolment, Identity, PhoneEntry
from ringwall.core.phones.moving import Floor
from ringwall.core.phones.secrets import new_code
from ringwall.core.phones.service import PhoneService
from ringwall.core.phones.states import Event, State
from ringwall.core.phones.vendors import VENDORS
from ringwall.core.rights import kinds
from ringwall.core.rights.service import RightsService
from ringwall.policy import PolicyError

ENROLMENT_S: Final = 30 * 60.0
_LONGEST: Final = 64
_LONGEST_LOCATION: Final = 200


class Administration:
    """The changes that administrators make; all raise OperationError or StoreError."""

    def __init__(self, phones: PhoneService, directory: DirectoryService, rights: RightsService) -> None:
        self._phones = phones
        self._directory = directory
        self._rights = rights

    async def add(self, actor: Actor, mac: str, given: Mapping[str, Any]) -> PhoneEntry:
        """Say that a phone will come: with a factory certificate it is let in from anywhere."""
        checked = self._checked(given)
        async with self._phones.changing:
            number = check_mac(mac)
            known = self._phones.of_mac(number)
            if known is not None and known.expected:
                raise OperationError("conflict", f"There is the phone {known.name} already.", "mac")
            phone = known or self._phones.new(number)
            phone = replace(phone, expected=True, **_fields(checked))
            await self._phones.apply(
                [phone], actor=lambda _: actor.to_dict(), why="added by an administrator"
            )
            await self._home(actor, phone, checked)
            return self._phones.now(phone)

    async def change(self, actor: Actor, mac: str, given: Mapping[str, Any]) -> PhoneEntry:
        """Change what is said of a phone; what is not given stays."""
        checked = self._checked(given)
        async with self._phones.changing:
            phone = self._phones.named(mac)
            after = replace(phone, expected=True, **_fields(checked))
            # Whether it may sign in with MD5 is in its credentials.
            fresh = frozenset({phone.id} if after.legacy != phone.legacy else ())
            if after != phone:
                await self._phones.apply(
                    [after], actor=lambda _: actor.to_dict(), why="changed by an administrator", fresh=fresh
                )
            await self._home(actor, after, checked)
            return self._phones.now(phone)

    async def _home(self, actor: Actor, phone: PhoneEntry, given: Mapping[str, Any]) -> None:
        if "home" not in given:
            return
        owner = self._directory.user(given["home"]).id if given["home"] else None
        await self._phones.move(
            lambda floor: moving.give_home(floor, phone.id, owner),
            actor=actor.to_dict(),
            why="home given by an administrator",
        )

    async def approve(self, actor: Actor, mac: str, *, from_source: str = "") -> tuple[PhoneEntry, str]:
        """Open an enrolment for half an hour and return its code, which is shown here and never again.

        With `from_source` the next request for this phone from that address needs no code.
        """
        async with self._phones.changing:
            phone = self._phones.named(mac)
            if phone.state is State.BLOCKED:
                raise OperationError("conflict", "The phone is blocked: unblock it first.", "mac")
            if phone.identity is not Identity.NONE:
                # What it had proven counts no longer; its user goes as after a logout.
                await self._phones.move(
                    lambda floor: moving.take_out(floor, phone.id, Event.FORGET),
                    actor=actor.to_dict(),
                    why="approved anew by an administrator",
                )
                phone = self._phones.now(phone)
            code = new_code()
            digest = self._phones.secrets.code_digest(code)
            enrolment = Enrolment(digest, self._phones.clock() + ENROLMENT_S, from_source)
            phone = replace(phone, expected=True, enrolment=enrolment)
            await self._phones.apply(
                [phone], actor=lambda _: actor.to_dict(), why="approved by an administrator"
            )
            return phone, code

    async def give_address(self, actor: Actor, mac: str) -> PhoneEntry:
        """Give a phone a new secret address, for an administrator who enters it at the phone."""
        async with self._phones.changing:
            phone = self._phones.named(mac)
            after = happens(
                phone,
                Event.ENROL,
                identity=Identity.ADDRESS,
                generation=phone.generation + 1,
                certificate="",
                enrolment=None,
                expected=True,
            )
            fresh = frozenset({phone.id})
            await self._phones.apply(
                [after], actor=lambda _: actor.to_dict(), why="given a secret address", fresh=fresh
            )
            return self._phones.now(phone)

    async def block(self, actor: Actor, mac: str) -> PhoneEntry:
        """Let a phone get nothing: its credentials end, its user goes as after a logout."""
        return await self._take_out(actor, mac, Event.BLOCK, "blocked by an administrator")

    async def forget(self, actor: Actor, mac: str) -> PhoneEntry:
        """Let what a phone has proven count no longer: it has to prove itself anew."""
        return await self._take_out(actor, mac, Event.FORGET, "forgotten by an administrator")

    async def _take_out(self, actor: Actor, mac: str, event: Event, why: str) -> PhoneEntry:
        async with self._phones.changing:
            phone = self._phones.named(mac)

            def move(floor: Floor) -> None:
                moving.take_out(floor, phone.id, event)

            await self._phones.move(move, actor=actor.to_dict(), why=why)
            return self._phones.now(phone)

    async def unblock(self, actor: Actor, mac: str) -> PhoneEntry:
        """Let a blocked phone prove itself again."""
        async with self._phones.changing:
            phone = happens(self._phones.named(mac), Event.UNBLOCK, expected=True)
            await self._phones.apply([phone], actor=lambda _: actor.to_dict(), why="unblocked")
            return phone

    async def remove(self, actor: Actor, mac: str) -> PhoneEntry:
        """Forget a phone altogether; its user goes as after a logout."""
        async with self._phones.changing:
            phone = self._phones.named(mac)
            if phone.user is not None:
                await self._phones.move(
                    lambda floor: moving.logout(floor, phone.id), actor=actor.to_dict(), why="removed"
                )
            gone = self._phones.now(phone)
            await self._phones.apply(
                [], [gone], actor=lambda _: actor.to_dict(), why="removed by an administrator"
            )
            return gone

    def _checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return tidy values; raise OperationError (invalid)."""
        checked = dict(given)
        for name, longest in (("label", _LONGEST), ("model", _LONGEST), ("location", _LONGEST_LOCATION)):
            if name in checked:
                checked[name] = _text(checked[name], name, longest)
        if checked.get("vendor") and checked["vendor"] not in VENDORS:
            accepted = ", ".join(sorted(VENDORS))
            raise OperationError("invalid", f"vendor: accepted are {accepted}.", "vendor")
        for name, kind in (("site", kinds.SITE), ("group", kinds.GROUP)):
            if checked.get(name) and checked[name] not in self._rights.book.of(kind):
                accepted = ", ".join(sorted(self._rights.book.of(kind))[:20])
                raise OperationError("invalid", f"{name}: accepted are {accepted}.", name)
        if checked.get("callback_number"):
            try:
                checked["callback_number"] = outside_number(checked["callback_number"], "callback_number")
            except PolicyError as error:
                raise OperationError("invalid", f"{error.field}: {error.message}", error.field) from None
        if checked.get("home"):
            self._directory.user(checked["home"])
        return checked


def _fields(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name != "home"}


def _text(text: str, field: str, longest: int) -> str:
    text = text.strip()
    if len(text) > longest or (text and not text.isprintable()):
        raise OperationError(
            "invalid", f"The {field} has to have at most {longest} printable characters.", field
        )
    return text

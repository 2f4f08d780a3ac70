"""Who is logged in where: login, logout, reassignment, going home (C2, P3). Pure.

Rules that this module keeps:
- A user is at one phone at a time, a phone has one user at a time.
- A user may always log in at their home phone, and puts out whoever is there. At another phone they need the
  right to move (Allow Extension Reassignment). For a user without that right and without a home, the
  first phone at which they log in becomes their home, if it is nobody's.
- Whoever is put out goes to their home phone if it is free; otherwise they have no phone until it is.
- A visitor who logs out goes home in the same way. Who logs out at their home phone has no phone until they
  log in.
- The phone that a user leaves is its owner's again if the owner waits for it; otherwise nobody's: vacated, or
  available where it is nobody's home.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Self

from ringwall.core.phones.errors import PhoneError
from ringwall.core.phones.model import Identity, PhoneEntry
from ringwall.core.phones.states import Event, State


class NotAllowedError(PhoneError):
    """The user may not log in at this phone: it is not their home, and they may not move."""


class NoHomeError(PhoneError):
    """The user has no home phone."""


@dataclass(frozen=True, slots=True)
class Phones:
    """All phones: by number, by address, by who is at them, by who is at home at them. Never changed."""

    by_id: Mapping[int, PhoneEntry]
    by_mac: Mapping[str, PhoneEntry]
    at: Mapping[int, PhoneEntry]
    home: Mapping[int, PhoneEntry]

    @classmethod
    def of(cls, phones: Iterable[PhoneEntry]) -> Self:
        """Return these phones."""
        every = tuple(phones)
        return cls(
            {one.id: one for one in every},
            {one.mac: one for one in every},
            {one.user: one for one in every if one.user is not None},
            {one.home: one for one in every if one.home is not None},
        )

    def with_phones(self, changed: Iterable[PhoneEntry], gone: Iterable[PhoneEntry] = ()) -> "Phones":
        """Return all phones with some others in their place, and some gone."""
        new = tuple(changed)
        by_id, by_mac, at, home = dict(self.by_id), dict(self.by_mac), dict(self.at), dict(self.home)
        for one in (*new, *gone):
            old = by_id.pop(one.id, None)
            if old is not None:
                del by_mac[old.mac]
                if old.user is not None and at[old.user].id == old.id:
                    del at[old.user]
                if old.home is not None and home[old.home].id == old.id:
                    del home[old.home]
        for one in new:
            by_id[one.id] = by_mac[one.mac] = one
            if one.user is not None:
                at[one.user] = one
            if one.home is not None:
                home[one.home] = one
        return Phones(by_id, by_mac, at, home)


class Floor:
    """All phones while a move is made; `changed` are those that are others afterwards."""

    def __init__(self, phones: Phones) -> None:
        self._phones = phones
        self._new: dict[int, PhoneEntry] = {}

    @property
    def changed(self) -> tuple[PhoneEntry, ...]:
        """The phones that are others than before."""
        return tuple(one for one in self._new.values() if self._phones.by_id.get(one.id) != one)

    def phone(self, number: int) -> PhoneEntry:
        """A phone as it is now in the move."""
        return self._new.get(number) or self._phones.by_id[number]

    def put(self, phone: PhoneEntry) -> None:
        """Let a phone be another."""
        self._new[phone.id] = phone

    def at(self, user: int) -> PhoneEntry | None:
        """The phone at which a user is."""
        found = next((one for one in self._new.values() if one.user == user), None)
        before = self._phones.at.get(user)
        return before if found is None and before is not None and before.id not in self._new else found

    def home_of(self, user: int) -> PhoneEntry | None:
        """The home phone of a user."""
        found = next((one for one in self._new.values() if one.home == user), None)
        before = self._phones.home.get(user)
        return before if found is None and before is not None and before.id not in self._new else found


def login(floor: Floor, number: int, user: int, *, may_move: bool) -> None:
    """Log a user in at a phone; raise NotAllowedError or NotPossibleError."""
    phone = floor.phone(number)
    if phone.user == user:
        return
    home = floor.home_of(user)
    if phone.home != user and not may_move:
        if phone.home is not None or phone.user is not None or home is not None:
            raise NotAllowedError
        phone = phone.on(Event.GIVE_HOME, home=user)
    put_out, before = phone.user, floor.at(user)
    waits = phone.owner_waits and phone.home != user
    # Its owner, if they are the one who is put out, waits for it.
    waits = waits or (put_out is not None and phone.home == put_out)
    if before is not None:
        _vacate(floor, before)
    if home is not None and home.id != number and floor.phone(home.id).owner_waits:
        floor.put(replace(floor.phone(home.id), owner_waits=False))
    floor.put(phone.on(Event.LOGIN, user=user, owner_waits=waits))
    if put_out is not None:
        _go_home_if_free(floor, put_out)


def logout(floor: Floor, number: int) -> None:
    """Log out whoever is at a phone; nothing happens where nobody is."""
    phone = floor.phone(number)
    if phone.user is None:
        return
    user = phone.user
    _vacate(floor, phone)
    if phone.home != user:
        _go_home_if_free(floor, user)


def go_home(floor: Floor, user: int) -> None:
    """Bring a user to their home phone, whoever is there; raise NoHomeError or NotPossibleError."""
    home = floor.home_of(user)
    if home is None:
        raise NoHomeError
    login(floor, home.id, user, may_move=True)


def give_home(floor: Floor, number: int, user: int | None) -> None:
    """Make a phone the home of a user, who then has no other, or nobody's; raise NotPossibleError."""
    phone = floor.phone(number)
    if phone.home == user:
        return
    if user is not None:
        other = floor.home_of(user)
        if other is not None:
            floor.put(other.on(Event.TAKE_HOME, home=None, owner_waits=False))
        floor.put(floor.phone(number).on(Event.GIVE_HOME, home=user, owner_waits=False))
    else:
        floor.put(phone.on(Event.TAKE_HOME, home=None, owner_waits=False))


def take_out(floor: Floor, number: int, event: Event) -> None:
    """A phone is blocked or forgotten: it has to prove itself anew, and its user goes as after a logout."""
    phone = floor.phone(number)
    user = phone.user
    if user is not None:
        phone = phone.on(_leaving(phone), user=None, owner_waits=False)
    floor.put(
        phone.on(
            event,
            owner_waits=False,
            identity=Identity.NONE,
            certificate="",
            generation=phone.generation + 1,
            enrolment=None,
        )
    )
    if user is not None and phone.home != user:
        _go_home_if_free(floor, user)


def user_leaves(floor: Floor, user: int) -> None:
    """A user is removed: their phones are nobody's."""
    at, home = floor.at(user), floor.home_of(user)
    if at is not None:
        _vacate(floor, at)
    if home is not None:
        give_home(floor, home.id, None)


def _leaving(phone: PhoneEntry) -> Event:
    return Event.LEAVE if phone.home is None else Event.LEAVE_HOME


def _vacate(floor: Floor, phone: PhoneEntry) -> None:
    """The user leaves a phone; the owner who waits for it comes back."""
    owner, waits = phone.home, phone.owner_waits
    phone = phone.on(_leaving(phone), user=None, owner_waits=False)
    if owner is not None and waits:
        phone = phone.on(Event.LOGIN, user=owner)
    floor.put(phone)


def _go_home_if_free(floor: Floor, user: int) -> None:
    home = floor.home_of(user)
    if home is None or floor.at(user) is not None:
        return
    if home.state is State.VACATED:
        floor.put(home.on(Event.LOGIN, user=user, owner_waits=False))
    elif home.state is State.ASSIGNED:
        floor.put(replace(home, owner_waits=True))

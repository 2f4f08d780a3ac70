"""Makes the policy's directory out of the book and the users."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ringwall.core.directory import Directory, UserEntry
from ringwall.core.rights import kinds
from ringwall.core.rights.kinds import Kind
from ringwall.core.rights.model import CODE_GROUP, USUAL_LIMITS, Book
from ringwall.core.rights.trunk import TrunkLine
from ringwall.policy import DEFAULT_LIMITS, Limits, Phone, PolicySnapshot, Trunk, User, compile_snapshot
from ringwall.policy import Directory as PolicyDirectory


class Compiler:
    """Compiles, and keeps what a change does not touch: users as they were, and all but the phones."""

    def __init__(self) -> None:
        self._people: dict[str, tuple[UserEntry, User]] = {}
        self._last: tuple[Book, PolicySnapshot] | None = None

    def compile(self, book: Book, directory: Directory) -> PolicySnapshot:
        """Return the snapshot for decisions; raise PolicyError where it cannot be."""
        before = self._people
        people = {
            extension: _kept(before.get(extension), user)
            for extension, user in directory.by_extension.items()
        }
        phones = tuple(
            Phone(
                device.username,
                device.place.site,
                device.extension if device.user_id else None,
                device.place.group,
                device.place.location,
                device.place.callback_number,
            )
            for device in directory.by_device.values()
            if device.place is not None
        )
        # Logins at phones and new devices change nothing for the policy but who is where.
        if (
            self._last is not None
            and self._last[0] is book
            and people.keys() == before.keys()
            and all(people[extension][1] is before[extension][1] for extension in people)
        ):
            snapshot = self._last[1].with_phones(phones)
        else:
            snapshot = _whole(book, directory, people, phones)
        self._people, self._last = people, (book, snapshot)
        return snapshot


def _whole(
    book: Book,
    directory: Directory,
    people: Mapping[str, tuple[UserEntry, User]],
    phones: tuple[Phone, ...],
) -> PolicySnapshot:
    lines: tuple[TrunkLine, ...] = _values(book, kinds.TRUNK)
    limits: dict[str, Limits] = {key: one.value for key, one in book.of(kinds.LIMITS).items()}
    return compile_snapshot(
        PolicyDirectory(
            sites=_values(book, kinds.SITE),
            groups=_values(book, kinds.GROUP),
            telephony=_values(book, kinds.TELEPHONY),
            calls=_values(book, kinds.CALL),
            voice_mail=_values(book, kinds.VOICE_MAIL),
            trunk_groups=_values(book, kinds.TRUNK_GROUP),
            trunks=tuple(Trunk(line.id, line.name, line.trunk_group) for line in lines),
            users=tuple(one for _, one in people.values()),
            phones=phones,
            codes=_values(book, kinds.CODE),
            objects=_values(book, kinds.OBJECT),
            danger=_values(book, kinds.RANGE),
            limits=limits.get(USUAL_LIMITS, DEFAULT_LIMITS),
            limit_sets=limits,
            code_group=CODE_GROUP,
            own_numbers=own_numbers(lines, directory.by_extension.values()),
        )
    )


def _kept(kept: tuple[UserEntry, User] | None, user: UserEntry) -> tuple[UserEntry, User]:
    """The policy's value of a user: the one from before, where only the user's devices are others."""
    if kept is not None and (kept[0] is user or replace(kept[0], devices=user.devices) == user):
        return user, kept[1]
    return user, person(user)


def person(user: UserEntry) -> User:
    """A user as the policy sees one; raise PolicyError.

    Without a caller ID calls show the user's own number.
    """
    return User(
        user.extension,
        user.name,
        user.group,
        user.site,
        caller_id=user.caller_id or user.did,
        no_pickup=user.no_pickup,
        locked=user.locked,
    )


def own_numbers(lines: Iterable[TrunkLine], users: Iterable[UserEntry]) -> dict[str, str]:
    """The extension that each of our own numbers rings at; a user's own number goes before the ranges."""
    people = list(users)
    extensions = [user.extension for user in people]
    found: dict[str, str] = {}
    for line in lines:
        found |= line.numbers_of(extensions)
    return found | {user.did: user.extension for user in people if user.did}


def _values(book: Book, kind: Kind) -> tuple[Any, ...]:
    return tuple(entry.value for entry in book.of(kind).values())

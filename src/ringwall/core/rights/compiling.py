"""Makes the policy's directory out of the book and the users."""

from collections.abc import Iterable
from typing import Any

from ringwall.core.directory import Directory, UserEntry
from ringwall.core.rights import kinds
from ringwall.core.rights.kinds import Kind
from ringwall.core.rights.model import CODE_GROUP, USUAL_LIMITS, Book
from ringwall.core.rights.trunk import TrunkLine
from ringwall.policy import DEFAULT_LIMITS, Limits, PolicySnapshot, Trunk, User, compile_snapshot
from ringwall.policy import Directory as PolicyDirectory


class Compiler:
    """Compiles, and keeps the policy's values of users who did not change."""

    def __init__(self) -> None:
        self._people: dict[str, tuple[UserEntry, User]] = {}

    def compile(self, book: Book, directory: Directory) -> PolicySnapshot:
        """Return the snapshot for decisions; raise PolicyError where it cannot be."""
        lines: tuple[TrunkLine, ...] = _values(book, kinds.TRUNK)
        users = directory.by_extension
        limits: dict[str, Limits] = {key: one.value for key, one in book.of(kinds.LIMITS).items()}
        people = {
            extension: kept
            if (kept := self._people.get(extension)) is not None and kept[0] is user
            else (user, person(user))
            for extension, user in users.items()
        }
        self._people = people
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
                codes=_values(book, kinds.CODE),
                objects=_values(book, kinds.OBJECT),
                danger=_values(book, kinds.RANGE),
                limits=limits.get(USUAL_LIMITS, DEFAULT_LIMITS),
                limit_sets=limits,
                code_group=CODE_GROUP,
                own_numbers=own_numbers(lines, users.values()),
            )
        )


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

"""The book of everything that says who may do what: a value that never changes and is replaced as a whole."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Self

from ringwall.core.directory import Directory, UserEntry
from ringwall.core.errors import OperationError
from ringwall.core.rights.kinds import BY_WORD, KINDS, Kind, setting_at_fault
from ringwall.core.rights.settings import Setting, Value, Values
from ringwall.policy import PolicyError

MOST = {
    "authcode": 50_000,
    "site": 1000,
    "group": 1000,
    "trunk-group": 1000,
    "trunk": 1000,
    "range": 5000,
    "object": 5000,
}
MOST_CLASSES = 500
_SHOWN = 10

# What is there from the first moment. The first four stay as they are: the least privileged stays that.
FIXED = frozenset(
    {
        ("group", "least-privileged"),
        ("cos.telephony", "Least privileged"),
        ("cos.call", "Least privileged"),
        ("cos.voice-mail", "Least privileged"),
    }
)
CODE_GROUP = "authorization-codes"
USUAL_LIMITS = "organisation"
LASTING = FIXED | {("group", CODE_GROUP), ("site", "main"), ("limits", USUAL_LIMITS)}


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing: its settings as JSON has them, the value that the policy takes, and what is secret of it."""

    kind: Kind
    key: str
    values: Values
    value: Any
    sealed: bytes | None = field(default=None, repr=False)

    @classmethod
    def made(cls, kind: Kind, key: str, values: Values, sealed: bytes | None = None) -> Self:
        """Build the entry from all its settings; raise PolicyError."""
        value, tidy = kind.build(key, values)
        return cls(kind, key, MappingProxyType({**values, **tidy}), value, sealed)

    @classmethod
    def of(cls, kind: Kind, key: str, given: Mapping[str, object], sealed: bytes | None = None) -> Self:
        """Build a new entry from what is given and the defaults; raise OperationError (invalid)."""
        values: dict[str, Value] = {}
        with problems_of(kind):
            for setting in kind.settings:
                if setting.name in given:
                    values[setting.name] = setting.read(given[setting.name])
                elif setting.required:
                    raise PolicyError(setting.name, f"is needed. {setting.help}")
                else:
                    values[setting.name] = setting.default
            return cls.made(kind, key, values, sealed)

    def changed(self, given: Mapping[str, object]) -> Self:
        """Build the entry anew with other settings; raise OperationError (invalid)."""
        values = dict(self.values)
        with problems_of(self.kind):
            for setting in self.kind.settings:
                if setting.name in given:
                    values[setting.name] = setting.read(given[setting.name])
            return self.made(self.kind, self.key, values, self.sealed)

    def with_sealed(self, sealed: bytes | None) -> Self:
        """The entry with another secret."""
        return replace(self, sealed=sealed)

    def facts(self) -> dict[str, Any]:
        """What administrators see and the ledger keeps; of the secret only whether there is one."""
        facts: dict[str, Any] = {self.kind.argument: self.key, **self.values}
        if self.kind.secret:
            facts[f"{self.kind.secret}_set"] = self.sealed is not None
        return facts

    def references(self) -> Iterator[tuple[Setting, str, str]]:
        """Everything else that is named here: by which setting, of which kind (or "user"), by which key."""
        for setting in self.kind.settings:
            given = self.values[setting.name]
            named = given if isinstance(given, list) else [given] if isinstance(given, str) and given else []
            if setting.refers:
                yield from (
                    (setting, setting.refers, key) for key in named if not (setting.mails and "@" in key)
                )
            elif setting.accepts:
                for word in named:
                    if word.startswith("group:"):
                        yield setting, "group", word[6:]
                    elif word != "all":
                        yield setting, "user", word


class problems_of:  # noqa: N801 - reads as a statement
    """Turns the policy's errors within a `with` into an operation's, with the setting at fault."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, PolicyError):
            name = setting_at_fault(self._kind, error)
            raise OperationError("invalid", f"{name}: {error.message}", name) from error


class Book:
    """Everything of every kind, by word and key."""

    __slots__ = ("_entries",)

    def __init__(self, entries: Mapping[str, dict[str, Entry]] | None = None) -> None:
        self._entries = {kind.word: (entries or {}).get(kind.word, {}) for kind in KINDS}

    def of(self, kind: Kind) -> Mapping[str, Entry]:
        """All of a kind, by key."""
        return MappingProxyType(self._entries[kind.word])

    def get(self, kind: Kind, key: str) -> Entry:
        """One of a kind; raise OperationError (not_found)."""
        entry = self._entries[kind.word].get(key)
        if entry is None:
            raise OperationError("not_found", f"There is no {kind.title} {key[:64]!r}.", kind.argument)
        return entry

    def with_entries(self, kind: Kind, entries: Iterable[Entry]) -> "Book":
        """A book with these of a kind, new or in place of others."""
        changed = self._entries[kind.word].copy()
        changed.update((entry.key, entry) for entry in entries)
        return Book({**self._entries, kind.word: changed})

    def without(self, kind: Kind, key: str) -> "Book":
        """A book without one of a kind."""
        changed = self._entries[kind.word].copy()
        changed.pop(key, None)
        return Book({**self._entries, kind.word: changed})

    def check_references(self, entry: Entry, users: Mapping[str, UserEntry]) -> None:
        """Raise OperationError (invalid) where an entry names something that is not there."""
        for setting, word, key in entry.references():
            there: Mapping[str, object] = users if word == "user" else self._entries[word]
            if key not in there:
                title = "user" if word == "user" else BY_WORD[word].title
                raise OperationError(
                    "invalid",
                    f"{setting.name}: there is no {title} {key[:64]!r}; {_accepted(there)}",
                    setting.name,
                )

    def check_room(self, kind: Kind) -> None:
        """Raise OperationError (refused) where there are too many of a kind."""
        most = MOST.get(kind.word, MOST_CLASSES)
        if len(self._entries[kind.word]) > most:
            raise OperationError("refused", f"There can be {most} of the kind {kind.title}.", kind.argument)

    def uses_of(self, word: str, key: str) -> list[str]:
        """Who names this, in words: "the group desk"."""
        return [
            f"the {entry.kind.title} {entry.key}"
            for entries in self._entries.values()
            for entry in entries.values()
            if any(refers == word and named == key for _, refers, named in entry.references())
            and (entry.kind.word, entry.key) != (word, key)
        ]


def check_unused(book: Book, kind: Kind, key: str, directory: Directory, others: Iterable[str] = ()) -> None:
    """Raise OperationError (conflict) where something or somebody uses this; `others` are more names."""
    uses = [*book.uses_of(kind.word, key), *others]
    people = [
        user.extension
        for user in directory.by_extension.values()
        if (kind.word == "group" and user.group == key) or (kind.word == "site" and user.site == key)
    ]
    if people:
        uses.insert(0, f"{len(people)} users ({_few(sorted(people))})" if people[1:] else f"user {people[0]}")
    if uses:
        raise OperationError(
            "conflict", f"The {kind.title} {key} is used by {_few(uses)}: change that first.", kind.argument
        )


def _few(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _accepted(there: Mapping[str, object]) -> str:
    if not there:
        return "there are none yet."
    return f"accepted are {_few(sorted(there))}."

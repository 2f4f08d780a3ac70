"""Users, authorization codes and ranges of numbers as CSV files.

Kept here:
- A file is taken as a whole or not at all; every bad line is told, with the field and what is accepted.
- A column that is missing leaves what is there; an empty cell is the default, but for the digits of a code.
- The digits of codes are never written out.
- What a spreadsheet would run as a formula gets a quote in front, which is taken off again on the way in.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from ringwall.core.directory import DirectoryService, UserEntry
from ringwall.core.directory.model import NEW_USERS_GROUP, NEW_USERS_SITE, check_extension
from ringwall.core.errors import OperationError
from ringwall.core.operations import Actor
from ringwall.core.rights.kinds import USER_SETTINGS, Kind
from ringwall.core.rights.model import Entry
from ringwall.core.rights.service import RightsService
from ringwall.core.rights.settings import Setting, Value, to_text
from ringwall.policy import PolicyError

MOST_LINES = 50_000
MOST_USERS = 20_000
MOST_PROBLEMS = 1000  # that are told one by one
LONGEST_CELL = 512
_SHOWN = 100

Problem = dict[str, str | int]
Cells = dict[str, str]


class _Sheet:
    """The lines of a file, and what is wrong with them."""

    def __init__(self, content: str, key: str, settings: tuple[Setting, ...], more: str = "") -> None:
        self.problems: list[Problem] = []
        self.lines: list[tuple[int, Cells]] = []
        self.columns = [key, *(one.name for one in settings), *([more] if more else [])]
        self._key = key
        self._read(content.removeprefix("\ufeff"))

    def bad(self, line: int, field: str, message: str) -> None:
        """Note what is wrong with a line."""
        self.problems.append({"line": line, "field": field, "message": message})

    def _read(self, content: str) -> None:
        first = content.split("\n", 1)[0]
        separator = ";" if ";" in first and "," not in first else ","
        reader = csv.reader(io.StringIO(content, newline=""), delimiter=separator, strict=True)
        try:
            heading = [name.strip().lower() for name in next(reader, [])]
            if not self._known(heading):
                return
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                if len(self.lines) >= MOST_LINES:
                    self.bad(reader.line_num, "", f"has to be among the first {MOST_LINES} lines.")
                    return
                self._line(reader.line_num, heading, cells)
        except csv.Error as error:
            self.bad(reader.line_num, "", f"cannot be read as CSV ({error}).")

    def _known(self, heading: list[str]) -> bool:
        accepted = ", ".join(self.columns)
        for name in heading:
            if name not in self.columns:
                self.bad(1, name[:64], f"is no column; accepted are {accepted}.")
        if self._key not in heading:
            self.bad(1, self._key, f"is missing in the heading line; accepted are {accepted}.")
        if len(set(heading)) != len(heading):
            self.bad(1, "", "names a column twice.")
        return not self.problems

    def _line(self, number: int, heading: list[str], cells: list[str]) -> None:
        if len(cells) != len(heading):
            self.bad(number, "", f"has {len(cells)} cells; the heading has {len(heading)}.")
            return
        line = {name: _unquoted(cell.strip()) for name, cell in zip(heading, cells, strict=True)}
        for name, cell in line.items():
            if len(cell) > LONGEST_CELL:
                self.bad(number, name, f"has to have at most {LONGEST_CELL} characters.")
                return
        self.lines.append((number, line))

    def each(self, work: Callable[[int, Cells], None]) -> None:
        """Run `work` for each line, and note what it finds wrong."""
        seen: dict[str, int] = {}
        for number, line in self.lines:
            key = line[self._key]
            if key and seen.setdefault(key, number) != number:
                self.bad(number, self._key, f"{key} stands in line {seen[key]} already.")
                continue
            try:
                work(number, line)
            except OperationError as error:
                field = error.field or ""
                self.bad(number, field, error.message.removeprefix(f"{field}: "))
            except PolicyError as error:
                self.bad(number, error.field, error.message)

    def check(self) -> None:
        """Raise OperationError (invalid) with all that is wrong."""
        if not self.problems:
            return
        self.problems.sort(key=lambda one: one["line"])
        count = len(self.problems)
        told = [
            f"line {one['line']}, {one['field'] or 'line'}: {one['message']}"
            for one in self.problems[:_SHOWN]
        ]
        if count > _SHOWN:
            told.append(f"and {count - _SHOWN} more.")
        head = "One line is wrong" if count == 1 else f"{count} lines are wrong"
        raise OperationError(
            "invalid",
            f"{head}, so nothing was changed:\n  " + "\n  ".join(told),
            "csv",
            self.problems[:MOST_PROBLEMS],
        )


def _given(settings: Iterable[Setting], line: Mapping[str, str]) -> dict[str, Value]:
    """The settings that a line gives; raise PolicyError."""
    given: dict[str, Value] = {}
    for one in settings:
        cell = line.get(one.name)
        if cell is None:
            continue
        if not cell and one.required:
            raise PolicyError(one.name, f"is needed. {one.help}")
        given[one.name] = one.from_text(cell) if cell else one.default
    return given


async def import_users(
    rights: RightsService, directory: DirectoryService, actor: Actor, content: str
) -> dict[str, int]:
    """Add and change users as a file says; raise OperationError with every bad line, or StoreError."""
    sheet = _Sheet(content, "extension", USER_SETTINGS)
    async with directory.changing:
        before = directory.snapshot.by_extension
        users: dict[int, UserEntry] = {}

        def read(number: int, line: Cells) -> None:
            extension = check_extension(line["extension"])
            given: dict[str, Any] = _given(USER_SETTINGS, line)
            old = before.get(extension)
            if old is None and "name" not in given:
                raise PolicyError("name", "is needed for a new user.")
            new = UserEntry(0, extension, "", group=NEW_USERS_GROUP, site=NEW_USERS_SITE)
            user = directory.checked(replace(old or new, **given))
            rights.check_user(user)
            users[number] = user

        sheet.each(read)
        if len(users) > MOST_USERS:
            sheet.bad(0, "", f"has {len(users)} users; {MOST_USERS} are accepted at once.")
        _check_numbers(sheet, {**before, **{user.extension: user for user in users.values()}}, users)
        sheet.check()
        await directory.put_users(actor, users.values())
        return _counted([(before.get(user.extension), user) for user in users.values()])


def _check_numbers(sheet: _Sheet, after: Mapping[str, UserEntry], users: Mapping[int, UserEntry]) -> None:
    owners: dict[str, list[str]] = {}
    for user in after.values():
        if user.did:
            owners.setdefault(user.did, []).append(user.extension)
    for number, user in users.items():
        for owner in owners.get(user.did, ()):
            if owner != user.extension:
                sheet.bad(number, "did", f"the number {user.did} is that of {owner}.")
                break


async def import_entries(
    rights: RightsService, directory: DirectoryService, actor: Actor, kind: Kind, content: str
) -> dict[str, int]:
    """Add and change codes or ranges as a file says; raise OperationError with every bad line, or StoreError.

    No error repeats the digits of a code.
    """
    sheet = _Sheet(content, kind.argument, kind.settings, kind.secret)
    async with directory.changing:
        before = rights.book.of(kind)
        entries: list[Entry] = []
        digests: dict[bytes, int] = {}

        def read(number: int, line: Cells) -> None:
            given = _given(kind.settings, line)
            old = before.get(line[kind.argument])
            entry = old.changed(given) if old is not None else Entry.of(kind, line[kind.argument], given)
            typed = line.get(kind.secret) if kind.secret else None
            if typed:
                entry = entry.with_sealed(rights.code_digest(typed))
            rights.check_entry(rights.book, entry)
            if entry.sealed is not None and digests.setdefault(entry.sealed, number) != number:
                message = f"the digits stand in line {digests[entry.sealed]} already."
                raise OperationError("invalid", message, kind.secret)
            entries.append(entry)

        sheet.each(read)
        sheet.check()
        await rights.put(actor, kind, entries)
        pairs = [(before.get(entry.key), entry) for entry in entries]
        return _counted((old and (old.values, old.sealed), (new.values, new.sealed)) for old, new in pairs)


def _counted(pairs: Iterable[tuple[object, object]]) -> dict[str, int]:
    counts = {"added": 0, "changed": 0, "same": 0}
    for old, new in pairs:
        counts["added" if old is None else "same" if old == new else "changed"] += 1
    return counts


def export_users(users: Iterable[UserEntry]) -> str:
    """Return all users as a file that `import_users` takes."""
    names = [one.name for one in USER_SETTINGS]
    rows = [
        [user.extension, *(to_text(getattr(user, name)) for name in names)]
        for user in sorted(users, key=lambda user: user.extension)
    ]
    return _written(["extension", *names], rows)


def export_entries(kind: Kind, entries: Iterable[Entry]) -> str:
    """Return all of a kind as a file that `import_entries` takes where they are there; no secrets."""
    names = [one.name for one in kind.settings]
    secret = [kind.secret] if kind.secret else []
    rows = [
        [entry.key, *(to_text(entry.values[name]) for name in names), *("" for _ in secret)]
        for entry in sorted(entries, key=lambda entry: entry.key)
    ]
    return _written([kind.argument, *names, *secret], rows)


def _written(heading: list[str], rows: Iterable[list[str]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(heading)
    writer.writerows([_quoted(cell) for cell in row] for row in rows)
    return file.getvalue()


def _formula(cell: str) -> bool:
    return cell[:1] in "=@'\t\r" if cell[:1] not in "+-" else not cell[1:].isdigit()


def _quoted(cell: str) -> str:
    """Keep a spreadsheet from taking a cell for a formula."""
    return f"'{cell}" if cell and _formula(cell) else cell


def _unquoted(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:] and _formula(cell[1:]) else cell

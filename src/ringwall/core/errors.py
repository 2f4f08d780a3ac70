"""The core's errors: one small tree, each with a sentence that can be shown to a person.

CoreError
  OperationError   an operation that somebody asked for was not done
  StoreError       something could not be stored (or read) safely
    StoreConflict  what was to be stored contradicts what is there
  LedgerError      the ledger cannot be opened or written
  EdgeError        the edge did not do what it was asked
    EdgeUnavailable, EdgeRefused

Each domain has one root of its own below it, named by what happened: CallError (calls), MediaError (media),
MailError (mail), PhoneError (phones), SignInError (identity). What is no failure and still turns the way
of whoever waits, such as a party that hangs up, is a CoreSignal: who deals with errors does not take it by
mistake.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from ringwall.infra.errors import RingwallError

Code = Literal["not_found", "invalid", "conflict", "refused", "unavailable"]


class CoreError(RingwallError):
    """The root: whatever the core raises on purpose."""

    code = "core"

    def __init__(self, message: str = "", *, code: str | None = None) -> None:
        super().__init__(message, code=code)


class CoreSignal(Exception):  # noqa: N818 - no error, by definition
    """The root of what happens while somebody waits for something else, and ends the waiting."""


class OperationError(CoreError):
    """An operation was not done. Nothing was changed.

    `code` is for programs, `message` is one clear sentence for people, `field` names the argument that is
    wrong, where it is one. `problems` are all that is wrong with a file, each with `line`, `field` and
    `message`.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        field: str | None = None,
        problems: Sequence[Mapping[str, str | int]] = (),
    ) -> None:
        super().__init__(message, code=code)
        self.message = message
        self.field = field
        self.problems = problems

    def to_dict(self) -> dict[str, Any]:
        """Return what goes over the wire: code, message, field and, where there are any, problems."""
        told: dict[str, Any] = {"code": self.code, "message": self.message, "field": self.field}
        return {**told, "problems": list(self.problems)} if self.problems else told


class StoreError(CoreError):
    """Something could not be stored or read; the text says why and what to do."""

    code = "unavailable"


class StoreConflict(StoreError):  # noqa: N818 - what became of it
    """What was to be stored names what is not there, or takes what is taken: a rule of the tables says no."""

    code = "conflict"


class LedgerError(CoreError):
    """The ledger cannot be opened or written."""

    code = "ledger"


class EdgeError(CoreError):
    """The edge did not do what it was asked; the text says why."""

    code = "edge"


class EdgeUnavailable(EdgeError):  # noqa: N818 - a state of the world, told as such to whoever asks
    """The edge cannot be reached now, or did not answer in time."""


class EdgeRefused(EdgeError):  # noqa: N818 - the same
    """The edge answered that it will not do what it was asked."""


_FOLDERS: Final = re.compile(r"(?<![^\s'\"(])(?:/[^\s/]+)*/(?=[^\s/])")


def without_folders(text: str) -> str:
    """Return a sentence for whoever is not on this host: of a file its name, not where it lies."""
    return _FOLDERS.sub("", text)

"""The core's errors: one small tree, each with a sentence that can be shown to a person.

CoreError
  OperationError   an operation that somebody asked for was not done
  StoreError       something could not be stored (or read) safely
  LedgerError      the ledger cannot be opened or written
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ringwall.infra.errors import RingwallError

Code = Literal["not_found", "invalid", "conflict", "refused", "unavailable"]


class CoreError(RingwallError):
    """The root: whatever the core raises on purpose."""

    code = "core"


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


class LedgerError(CoreError):
    """The ledger cannot be opened or written."""

    code = "ledger"

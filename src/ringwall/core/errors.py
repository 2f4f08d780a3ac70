"""The core's errors: one small tree, each with a sentence that can be shown to a person.

CoreError
  OperationError   an operation that somebody asked for was not done
  StoreError       something could not be stored (or read) safely
  LedgerError      the ledger cannot be opened or written
"""

from typing import Literal

from ringwall.infra.errors import RingwallError

Code = Literal["not_found", "invalid", "conflict", "refused", "unavailable"]


class CoreError(RingwallError):
    """The root: whatever the core raises on purpose."""

    code = "core"


class OperationError(CoreError):
    """An operation was not done. Nothing was changed.

    `code` is for programs, `message` is one clear sentence for people, `field` names the argument that is
    wrong, where it is one.
    """

    def __init__(self, code: Code, message: str, field: str | None = None) -> None:
        super().__init__(message, code=code)
        self.message = message
        self.field = field

    def to_dict(self) -> dict[str, str | None]:
        """Return what goes over the wire: code, message and field."""
        return {"code": self.code, "message": self.message, "field": self.field}


class StoreError(CoreError):
    """Something could not be stored or read; the text says why and what to do."""

    code = "unavailable"


class LedgerError(CoreError):
    """The ledger cannot be opened or written."""

    code = "ledger"

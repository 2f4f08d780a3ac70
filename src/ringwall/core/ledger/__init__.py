"""The append-only, hash-chained record of everything that matters, with a signed end."""

from ringwall.core.ledger.ledger import Ledger

__all__ = ["Ledger"]

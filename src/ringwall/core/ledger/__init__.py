"""The append-only, hash-chained record of everything that matters, with a signed end (I2, D2)."""

from ringwall.core.ledger.ledger import Ledger

__all__ = ["Ledger"]

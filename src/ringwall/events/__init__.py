"""Every event that Ringwall can record or show, one frozen dataclass for each kind (I2).

`catalogue.KINDS` has them all, docs/ledger.md is made from it.
"""

from ringwall.events.base import UNSAID, Event, EventError, Maybe, Record

__all__ = ["UNSAID", "Event", "EventError", "Maybe", "Record"]

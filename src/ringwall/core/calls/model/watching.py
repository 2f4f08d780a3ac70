"""How somebody watches a call of others."""

from enum import Enum


class WatchMode(Enum):
    """Whom somebody who watches a call hears, and who hears them."""

    MONITOR = "silent monitor"  # hears both, heard by nobody
    COACH = "silent coach"  # hears both, heard by the one whose call it is
    BARGE = "barge in"  # one of three

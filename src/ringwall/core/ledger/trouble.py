"""What is wrong with the ledger, as its start and its witnesses find it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trouble:
    """A sentence that says what was found.

    Where records are missing they are `first` to `last`; the chain goes on behind `last`, on its hash (32
    bytes) and behind checkpoint number `checkpoint`. Otherwise these are 0 and empty.
    """

    text: str
    first: int = 0
    last: int = 0
    hash: bytes = b""
    checkpoint: int = 0

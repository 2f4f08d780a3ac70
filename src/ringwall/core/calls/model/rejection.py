"""Why a call cannot go somewhere, and what its caller is answered."""

from typing import NamedTuple


class Rejection(NamedTuple):
    """What a caller gets: SIP status and reason phrase, and one sentence for the Warning and the record."""

    status: int
    reason: str
    why: str

"""Why the loader does not take an image."""

from typing import Literal

from ringwall.infra.firmware import FirmwareError

Reason = Literal[
    "changed",
    "unsigned",
    "signature",
    "model",
    "older",
    "expired",
    "mixed",
    "endless",
    "slow",
    "metadata",
    "manifest",
    "clock",
    "start",
    "unreachable",
]

REASONS: dict[Reason, str] = {
    "changed": "its content is not what was signed",
    "unsigned": "nobody has signed it",
    "signature": "it is signed by keys that are not trusted, or by too few",
    "model": "it is for another model",
    "older": "it is older than what the phone has had",
    "expired": "what vouches for it has expired: the server may be holding news back",
    "mixed": "files of different times were put together, or are older than those known",
    "endless": "more came than there should be",
    "slow": "it comes too slowly",
    "metadata": "what vouches for it cannot be read",
    "manifest": "what it says of itself is not what was signed",
    "clock": "the phone's clock went backwards",
    "start": "it did not come up",
    "unreachable": "the server cannot be reached",
}


class RefusedError(FirmwareError):
    """An image was refused; `reason` is for programs, the text for people. The phone keeps what it has."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{REASONS[reason]}{f' ({detail})' if detail else ''}", code=reason)
        self.reason = reason

"""The proof that an authorization code was accepted for a caller and a number; `codes` makes it (A1)."""

from dataclasses import InitVar, dataclass
from typing import Final

_SEAL: Final = object()


@dataclass(frozen=True, slots=True)
class CodePass:
    """Good for one number until `until`. `code` is empty where an optional code was skipped."""

    seal: InitVar[object]
    payer: str
    canonical: str
    code: str
    until: float

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("a CodePass is made by ringwall.policy.codes alone")


def make_pass(payer: str, canonical: str, code: str, until: float) -> CodePass:
    """Make a pass. For `codes` only."""
    return CodePass(_SEAL, payer, canonical, code, until)

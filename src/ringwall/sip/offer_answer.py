"""Offer and answer: who may speak of the session next (RFC 3264, RFC 3261 14, RFC 3311 5, RFC 6337).

Rules that this module keeps:

- At most one offer is open in a dialog, in either direction, whichever message carries it (RFC 3264 4).
- An offer that meets an open offer of ours is glare: 491. One that meets an open offer of theirs came too
  early: 500 with Retry-After (RFC 3311 5.2, RFC 6337 2.3).
- INVITEs exclude each other even where they carry no offer: one that meets an INVITE of ours is glare, one
  that meets an unanswered one of theirs is too early (RFC 3261 14.2).
- The first session description after our offer is the answer; what follows it in the same transaction repeats
  it and is ignored (RFC 3261 13.2.1).
- A refused offer leaves the session as it was (RFC 3261 14.1).
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from ringwall.sip.errors import SipError


class Glare(SipError):  # noqa: N818 - the word that RFC 3261 14 uses
    """An offer or INVITE came that must be refused: `status` 491, or 500 with `retry_after` seconds."""

    def __init__(self, status: int, retry_after: int | None = None) -> None:
        super().__init__(status, retry_after)
        self.status = status
        self.retry_after = retry_after

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """What the refusal has to carry."""
        return () if self.retry_after is None else (("Retry-After", str(self.retry_after)),)

    def __str__(self) -> str:
        if self.retry_after is None:
            return f"{self.status}: both sides changed the session at once"
        return f"{self.status}: the change before this one is not answered yet"


class OutOfTurn(SipError):  # noqa: N818 - named after what it means
    """Our own side wanted to send an offer or an answer when it was not its turn: an error of the caller."""


class OfferState(StrEnum):
    """Whose turn it is."""

    IDLE = "idle"  # nothing agreed yet
    STABLE = "stable"  # a session is agreed
    LOCAL_OFFER = "local offer"  # ours is open
    REMOTE_OFFER = "remote offer"  # theirs is open


class _Move(StrEnum):
    SENT_OFFER = "sent offer"
    RECEIVED_OFFER = "received offer"
    SENT_ANSWER = "sent answer"
    RECEIVED_ANSWER = "received answer"
    REJECTED = "rejected"


class Verdict(StrEnum):
    """What a move comes to."""

    GOOD = "good"
    CLASH = "clash"  # 491
    TOO_EARLY = "too early"  # 500
    OUT_OF_TURN = "out of turn"
    REPEATED = "repeated"  # to be ignored


class _Row(NamedTuple):
    to: OfferState
    verdict: Verdict = Verdict.GOOD


_S, _M, _V = OfferState, _Move, Verdict

# REJECTED leads back to STABLE or IDLE, whichever it was; the table says STABLE and `rejected` knows better.
_OPEN: Final = {
    _M.SENT_OFFER: _Row(_S.LOCAL_OFFER),
    _M.RECEIVED_OFFER: _Row(_S.REMOTE_OFFER),
    _M.SENT_ANSWER: _Row(_S.STABLE, _V.OUT_OF_TURN),
    _M.RECEIVED_ANSWER: _Row(_S.STABLE, _V.REPEATED),
    _M.REJECTED: _Row(_S.STABLE, _V.REPEATED),
}
TABLE: Final[Mapping[OfferState, Mapping[_Move, _Row]]] = {
    _S.IDLE: {
        **_OPEN,
        _M.SENT_ANSWER: _Row(_S.IDLE, _V.OUT_OF_TURN),
        _M.RECEIVED_ANSWER: _Row(_S.IDLE, _V.REPEATED),
        _M.REJECTED: _Row(_S.IDLE, _V.REPEATED),
    },
    _S.STABLE: _OPEN,
    _S.LOCAL_OFFER: {
        _M.SENT_OFFER: _Row(_S.LOCAL_OFFER, _V.OUT_OF_TURN),
        _M.RECEIVED_OFFER: _Row(_S.LOCAL_OFFER, _V.CLASH),
        _M.SENT_ANSWER: _Row(_S.LOCAL_OFFER, _V.OUT_OF_TURN),
        _M.RECEIVED_ANSWER: _Row(_S.STABLE),
        _M.REJECTED: _Row(_S.STABLE),
    },
    _S.REMOTE_OFFER: {
        _M.SENT_OFFER: _Row(_S.REMOTE_OFFER, _V.OUT_OF_TURN),
        _M.RECEIVED_OFFER: _Row(_S.REMOTE_OFFER, _V.TOO_EARLY),
        _M.SENT_ANSWER: _Row(_S.STABLE),
        _M.RECEIVED_ANSWER: _Row(_S.REMOTE_OFFER, _V.REPEATED),
        _M.REJECTED: _Row(_S.STABLE),
    },
}


class Side(StrEnum):
    """Whose INVITE is in progress."""

    NONE = "none"
    LOCAL = "local"
    REMOTE = "remote"


MAX_RETRY_AFTER: Final = 10  # seconds: RFC 3261 14.2 asks for a random number from 0 to this


class OfferAnswer:
    """The negotiation of one dialog."""

    __slots__ = ("agreed", "invite", "state")

    def __init__(
        self, state: OfferState = OfferState.IDLE, *, agreed: bool = False, invite: Side = Side.NONE
    ) -> None:
        self.state = state
        self.agreed = agreed  # whether a session was agreed before the offer that may be open now
        self.invite = invite

    @property
    def may_offer(self) -> bool:
        """Whether we may send an offer in an UPDATE now (RFC 3311 5.1)."""
        return self.state in (OfferState.IDLE, OfferState.STABLE)

    @property
    def may_invite(self) -> bool:
        """Whether we may send a re-INVITE now, with or without an offer (RFC 3261 14.1)."""
        return self.may_offer and self.invite is Side.NONE

    def sent_offer(self) -> None:
        """We send an offer. Raises OutOfTurn while another is open."""
        self._move(_Move.SENT_OFFER)

    def received_offer(self, *, retry_after: int = 1) -> None:
        """An offer came in. Raises Glare while another is open.

        `retry_after` is what a 500 tells the other side: seconds, best a random number from 0 to
        MAX_RETRY_AFTER.
        """
        self._move(_Move.RECEIVED_OFFER, retry_after)

    def sent_answer(self) -> None:
        """We send the answer. Raises OutOfTurn where no offer of theirs is open."""
        self._move(_Move.SENT_ANSWER)

    def received_answer(self) -> bool:
        """A session description answers us: True if it is the answer, False if it is to be ignored."""
        return self._move(_Move.RECEIVED_ANSWER) is Verdict.GOOD

    def rejected(self) -> None:
        """The open offer, whosever it is, was refused or its request failed; nothing where none is open."""
        if self._move(_Move.REJECTED) is Verdict.GOOD and not self.agreed:
            self.state = OfferState.IDLE

    def sent_invite(self) -> None:
        """We send an INVITE (its offer is told beside). Raises OutOfTurn while another is in progress."""
        if self.invite is not Side.NONE:
            raise OutOfTurn(f"an INVITE of the {self.invite} side is in progress")
        self.invite = Side.LOCAL

    def received_invite(self, *, retry_after: int = 1) -> None:
        """An INVITE came in (its offer is told beside). Raises Glare while another is in progress."""
        if self.invite is Side.LOCAL:
            raise Glare(491)
        if self.invite is Side.REMOTE:
            raise Glare(500, retry_after)
        self.invite = Side.REMOTE

    def invite_ended(self) -> None:
        """The INVITE in progress has its final answer."""
        self.invite = Side.NONE

    def _move(self, move: _Move, retry_after: int | None = None) -> Verdict:
        row = TABLE[self.state][move]
        if row.verdict is Verdict.CLASH:
            raise Glare(491)
        if row.verdict is Verdict.TOO_EARLY:
            raise Glare(500, retry_after)
        if row.verdict is Verdict.OUT_OF_TURN:
            raise OutOfTurn(f"{move} is not possible in the state {self.state}")
        self.state = row.to
        if move in (_Move.SENT_ANSWER, _Move.RECEIVED_ANSWER) and row.verdict is Verdict.GOOD:
            self.agreed = True
        return row.verdict


def glare_pause(random: Callable[[], float], *, initiator: bool) -> float:
    """How long to wait after a 491 before trying again, in seconds, in steps of 10 ms (RFC 3261 14.1).

    `random` gives numbers from 0 up to 1; `initiator` says that the Call-ID of the dialog is ours.
    """
    steps = 210 + int(random() * 191) if initiator else int(random() * 201)
    return steps / 100

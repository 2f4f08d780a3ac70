"""Where what stands above call control is told of a call: each hook has one name, one type, and few users.

Rules that this module keeps:
- What stands below never imports what stands above it: it calls a hook, which the other has put itself into.
- Hooks of a list are asked in the order in which they came; the first one that says yes has dealt with it.
- A feature puts itself into its hooks once, when the switch is made (`features.registry`).
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.rejection import Rejection
from ringwall.core.registrar.flows import Flow
from ringwall.events.call_features import EmergencyCalled
from ringwall.policy.actions import Action
from ringwall.policy.grant import Denial
from ringwall.policy.groups import InsideObject, ObjectKind
from ringwall.policy.rules import Heard
from ringwall.sip.message import Request

# A request within a call: the call, the party that sent it, the transaction's key, the request.
InDialog = Callable[[Call, Leg, str, Request], None]
# A request of a phone that belongs to no call: the transaction's key, the request, its connection.
OutOfDialog = Callable[[str, Request, Flow], None]


# A change within a call of two: the party, the transaction's key, the request; the work that deals with it.
Holding = Callable[[Call, Leg, str, Request], Coroutine[Any, Any, None] | None]


class Diverter(Protocol):
    """Where calls go that somebody does not take: another number, a mailbox."""

    def may_take(self, extension: str) -> bool:
        """Whether a call to this extension may go there in some case."""
        ...

    def take(self, call: Call, extension: str, case: Action) -> bool:
        """Take the call there in this case (always, busy, no answer); False where it does not go there."""
        ...


class Arriving(Protocol):
    """What takes calls to one kind of inside object."""

    def unreachable(self, call: Call, thing: InsideObject) -> Rejection | None:
        """Why a call cannot go there; None if it can."""
        ...

    def route(self, call: Call, thing: InsideObject) -> None:
        """Take the call, which waits for an answer."""
        ...


@dataclass(frozen=True, slots=True)
class Refusal:
    """A phone's call is refused, and that is on record: with which answer, why, by which rule of the policy.

    `heard` is what its caller is to meet; `party` is who that is, the extension or the phone. `let_in` makes
    the call whose caller waits for that; whoever lets it in has to end it, with the same answer.
    """

    status: int
    reason: str
    why: str
    rule: str
    heard: Heard
    party: str
    let_in: Callable[[], Call] = field(repr=False)


# The policy's denial that a code could help, what was dialled, and what lets the call in.
CodeWanted = Callable[[Denial, str, Callable[[], Call]], bool]


def _nothing() -> None:
    """Stands in until there is a dispatcher."""


def _ignored(_call: Call) -> None:
    pass


def _not_held(_call: Call, _leg: Leg, _key: str, _request: Request) -> None:
    """Stands in where a hold is passed on like any other change."""


def _not_taken(_call: Call, _status: int) -> bool:
    """Stands in where a call that nobody answers goes nowhere."""
    return False


@dataclass(slots=True)
class Hooks:
    """What the parts of call control and its features have put themselves into."""

    in_dialog: dict[str, InDialog] = field(default_factory=dict)
    """What a party may ask of a feature within a call, by SIP method."""
    dialled: dict[str, Callable[[Call, str], None]] = field(default_factory=dict)
    """What answers a feature number, by the feature's name: the call, and what stands behind the code."""
    out_of_dialog: dict[str, OutOfDialog] = field(default_factory=dict)
    """What a phone may ask that belongs to no call, by SIP method; whoever answers it asks who it is."""
    objects: dict[ObjectKind, Arriving] = field(default_factory=dict)
    """What takes calls to extensions that are not a person's."""
    diverters: list[Diverter] = field(default_factory=list)
    """Where a call goes that its user does not take, in order."""
    refused: list[Callable[[Refusal], bool]] = field(default_factory=list)
    """A phone's call is refused: whether its caller is let in to hear why."""
    code_wanted: list[CodeWanted] = field(default_factory=list)
    """A number is denied that an authorization code could open: whether the caller is let in to type one."""
    info: list[Callable[[Call, Leg, str, Request], bool]] = field(default_factory=list)
    """An INFO within a call: whether something has understood and answered it; else it is passed on."""
    media_changed: list[Callable[[Call, Leg], None]] = field(default_factory=list)
    """A party that talks with the media server has changed its media, such as by hold or resume."""
    on_bye: list[Callable[[Call, Leg], bool]] = field(default_factory=list)
    """A party hangs up: whether the call goes on without it."""
    room_needed: list[Callable[[Call], bool]] = field(default_factory=list)
    """A feature leaves the room of a call of two: whether the call has to stay, as for a recorder."""
    call_changed: list[Callable[[Call], None]] = field(default_factory=list)
    """A call is there, its parties talk, or it is over. Whoever is told only looks."""
    call_ended: list[Callable[[Call, int], None]] = field(default_factory=list)
    """A call is over, with the status that its caller got if it waited for one."""
    leg_ended: list[Callable[[Leg], None]] = field(default_factory=list)
    """A leg is over."""
    emergency: list[Callable[[EmergencyCalled], None]] = field(default_factory=list)
    """An emergency number is called."""
    on_hold: Holding = _not_held
    """A party of a call of two changes its media: what deals with that, if it is a hold (`hold_music`)."""
    unanswered: Callable[[Call, int], bool] = _not_taken
    """Nobody took a call, for the reason that the status says: whether it goes on (`routing.router`)."""
    broken: Callable[[Call], None] = _ignored
    """A part of a call's life broke, for a reason that nobody foresaw: end it (`dispatch`)."""
    wake: Callable[[], None] = _nothing
    """Something may be due earlier than it was: look at the timers anew (`dispatch`)."""

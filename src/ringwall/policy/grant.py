"""What the policy answers: a Grant or a Denial (C5, C6).

Rules that this module keeps:

- A `Grant` is made by `make_grant` and in no other way: its constructor asks for a seal that nothing outside
  the policy has, it cannot be copied with changes, pickled or made from stored values. A test walks the code
  of ringwall and fails where another module tries.
- A grant names one number and lives for seconds: whoever makes the leg calls `require` with what is really
  about to be dialled, and no grant serves for a destination that was merely to be stored.
"""

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, fields
from typing import Any, ClassVar, Final, NamedTuple, NoReturn

from ringwall.policy.actions import (
    Action,
    CodeSubject,
    MailboxSubject,
    ObjectSubject,
    PhoneSubject,
    Subject,
    TrunkSubject,
    UserSubject,
)
from ringwall.policy.groups import CodeMode
from ringwall.policy.numbers import Number
from ringwall.policy.rules import RULES, Heard, Note, Rule, Step, in_words
from ringwall.policy.scope import NumberClass
from ringwall.policy.usage import Charge

LIFE: Final = 10.0  # seconds in which a grant has to be used

_SEAL: Final = object()


class GrantRefused(Exception):  # noqa: N818 - named after what happened
    """A grant does not serve for what is about to be done: it is too old, or for something else."""


class Way(NamedTuple):
    """How an outside leg may leave.

    `trunk_groups` in the order in which they are to be tried. `caller_id` is the canonical number to show,
    empty for the trunk's own. `location`, `notify` (extensions and mail addresses) and `emergency` are for
    emergency calls.
    `seconds` is when the leg has to be ended; 0 is never. `charge` goes to `Use.start`; None costs nothing.
    """

    trunk_groups: tuple[str, ...]
    caller_id: str = ""
    emergency: bool = False
    location: str = ""
    notify: tuple[str, ...] = ()
    seconds: int = 0
    charge: Charge | None = None


class Answer(NamedTuple):
    """What was asked and which rule decided. `notes` are the steps, put into words when they are read."""

    subject: Subject
    action: Action
    target: str | None
    number: Number | None
    rule: Rule
    notes: tuple[Note, ...]
    at: float  # when it was asked, in seconds since 1970


class _Answered:
    """What grants and denials have in common."""

    __slots__ = ()

    answer: Answer
    allowed: ClassVar[bool]

    @property
    def subject(self) -> Subject:
        """Who asked."""
        return self.answer.subject

    @property
    def action(self) -> Action:
        """What for: the path of a call."""
        return self.answer.action

    @property
    def target(self) -> str | None:
        """The extension to which it is done."""
        return self.answer.target

    @property
    def number(self) -> Number | None:
        """The number that was read; None where none belongs to it."""
        return self.answer.number

    @property
    def rule(self) -> Rule:
        """The rule that decided."""
        return self.answer.rule

    @property
    def steps(self) -> tuple[Step, ...]:
        """What was looked at on the way, the deciding rule last."""
        last = Step("decision", f"{'allowed' if self.allowed else 'denied'}: {self.answer.rule.sentence}")
        return (*(in_words(note) for note in self.answer.notes), last)

    @property
    def canonical(self) -> str:
        """The number in canonical form; empty without one or if it is none."""
        number = self.answer.number
        return number.canonical if number is not None else ""

    @property
    def number_class(self) -> NumberClass | None:
        """The class of the number."""
        number = self.answer.number
        return number.number_class if number is not None else None

    def record(self) -> dict[str, Any]:
        """What the ledger keeps."""
        subject, action, target, number, rule, _, _ = self.answer
        who = {one.name: getattr(subject, one.name) for one in fields(subject) if one.name not in _UNTOLD}
        return {
            "subject": {"kind": _KINDS[type(subject)], **who},
            "action": action.value,
            "target": target,
            "dialled": number.dialled if number is not None else "",
            "canonical": self.canonical,
            "class": number.number_class.value if number is not None else "",
            "rule": rule.id,
            "because": rule.sentence,
            "allowed": self.allowed,
        }


_UNTOLD: Final = frozenset({"caller", "passed"})
_KINDS: Final[Mapping[type, str]] = {
    UserSubject: "user",
    PhoneSubject: "phone",
    TrunkSubject: "trunk",
    MailboxSubject: "mailbox",
    ObjectSubject: "object",
    CodeSubject: "code",
}


@dataclass(frozen=True, slots=True)
class Grant(_Answered):
    """Permission to do one thing now. `way` is there if it makes a leg to the outside."""

    seal: InitVar[object]
    answer: Answer
    expires_at: float
    way: Way | None = None
    code: str = ""  # id of the authorization code that opened it

    allowed: ClassVar[bool] = True

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("a Grant is made by the policy alone: ask ringwall.policy.may")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Grant is for now and for here: it cannot be copied or stored; store record()")

    @property
    def issued_at(self) -> float:
        """When it was made, in seconds since 1970."""
        return self.answer.at

    def require(self, canonical: str, now: float) -> Way:
        """The way for an outside leg to this number now.

        Raises GrantRefused if the grant is for another number, for none outside, or used too late or too
        early.
        """
        if self.way is None or canonical != self.canonical:
            raise GrantRefused(
                f"the grant is for {self.canonical or 'no outside number'}, not for {canonical}"
            )
        if not self.issued_at <= now < self.expires_at:
            raise GrantRefused(f"the grant for {canonical} was good for {LIFE:g} s and is no longer")
        return self.way

    def record(self) -> dict[str, Any]:
        """What the ledger keeps."""
        trunk_groups = list(self.way.trunk_groups) if self.way is not None else []
        return {**_Answered.record(self), "code": self.code, "trunk_groups": trunk_groups}


@dataclass(frozen=True, slots=True)
class Denial(_Answered):
    """No. `heard` is what whoever asked meets; `status` and `reason` answer a SIP request.

    `codes` says whether an authorization code could help: it is then to be asked for, see `codes`.
    """

    answer: Answer
    heard: Heard
    codes: CodeMode = CodeMode.DISABLED

    allowed: ClassVar[bool] = False

    @property
    def status(self) -> int:
        """The SIP status that answers the request."""
        return RULES[self.answer.rule.id].status

    @property
    def reason(self) -> str:
        """The reason phrase that goes with the status."""
        return RULES[self.answer.rule.id].reason

    def record(self) -> dict[str, Any]:
        """What the ledger keeps."""
        return {**_Answered.record(self), "heard": self.heard.value, "status": self.status}


def make_grant(answer: Answer, way: Way | None, code: str, *, saving: bool) -> Grant:
    """Make a grant. For the policy's own decisions only."""
    return Grant(_SEAL, answer, answer.at if saving else answer.at + LIFE, None if saving else way, code)

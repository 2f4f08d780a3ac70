"""Why and what if: what would happen to a call, and which rule decides (C7).

It asks `may` itself, so that the explanation cannot differ from what happens.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from ringwall.policy.actions import Action, Context, MailboxSubject, Subject, UserSubject
from ringwall.policy.decide import may
from ringwall.policy.errors import PolicyError
from ringwall.policy.grant import Denial, Grant
from ringwall.policy.groups import CodeMode
from ringwall.policy.rules import Step
from ringwall.policy.snapshot import PolicySnapshot
from ringwall.policy.usage import Use

# The words by which an administrator names a path; `forward` asks as if it were always on.
PATHS: Final[Mapping[str, Action]] = MappingProxyType(
    {
        "dial": Action.DIAL,
        "originate": Action.ORIGINATE,
        "api": Action.ORIGINATE,
        "transfer": Action.BLIND_TRANSFER,
        "attended": Action.ATTENDED_TRANSFER,
        "forward": Action.FORWARD_ALWAYS,
        "forward-busy": Action.FORWARD_BUSY,
        "forward-no-answer": Action.FORWARD_NO_ANSWER,
        "findme": Action.FIND_ME,
        "assignment": Action.EXTERNAL_ASSIGNMENT,
        "conference": Action.CONFERENCE_ADD,
        "callback": Action.CALLBACK,
        "notify": Action.NOTIFY,
        "failover": Action.PSTN_FAILOVER,
    }
)
_FROM_MAILBOX: Final = frozenset({Action.CALLBACK, Action.NOTIFY})


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would happen. `rule` is its id, `because` its sentence; `heard` is empty where it is allowed."""

    allowed: bool
    canonical: str
    number_class: str
    rule: str
    because: str
    steps: tuple[Step, ...]
    heard: str
    trunk_groups: tuple[str, ...] = ()
    seconds: int = 0  # the longest that the call may last; 0 is no end
    code: str = CodeMode.DISABLED.value  # whether an authorization code would be asked for

    def to_value(self) -> dict[str, Any]:
        """The explanation as JSON has it."""
        return {
            "allowed": self.allowed,
            "canonical": self.canonical,
            "class": self.number_class,
            "rule": self.rule,
            "because": self.because,
            "steps": [{"check": step.check, "result": step.result} for step in self.steps],
            "heard": self.heard,
            "trunk_groups": list(self.trunk_groups),
            "seconds": self.seconds,
            "code": self.code,
        }


def explain(
    snapshot: PolicySnapshot,
    who: str | Subject,
    number: str,
    *,
    now: float,
    path: str = "dial",
    use: Use | None = None,
    phone: str | None = None,
) -> Explanation:
    """Say what would happen if `who`, an extension or any subject, took a number on a path at `now`.

    Without `use` nothing was used before. Raises PolicyError for a path that there is not.
    """
    action = PATHS.get(path)
    if action is None:
        raise PolicyError("path", f"has to be one of {', '.join(PATHS)}, not {path!r}.")
    subject: Subject
    if not isinstance(who, str):
        subject = who
    elif action in _FROM_MAILBOX:
        subject = MailboxSubject(who, from_outside=False)
    else:
        subject = UserSubject(who, phone)
    answer = may(snapshot, subject, action, number=number, context=Context(now, use or Use()))
    number_class = answer.number_class
    way = answer.way if isinstance(answer, Grant) else None
    return Explanation(
        allowed=answer.allowed,
        canonical=answer.canonical,
        number_class=number_class.value if number_class is not None else "",
        rule=answer.rule.id,
        because=answer.rule.sentence,
        steps=answer.steps,
        heard=answer.heard.value if isinstance(answer, Denial) else "",
        trunk_groups=way.trunk_groups if way is not None else (),
        seconds=way.seconds if way is not None else 0,
        code=answer.codes.value if isinstance(answer, Denial) else CodeMode.DISABLED.value,
    )

"""What every act of the demonstration stands on: the stage, claims that hold or do not, and the report."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ringwall.cli.client import ask
from ringwall.cli.demo.lamp import Lamp
from ringwall.cli.demo.phones import Phone, Phones, Talk
from ringwall.cli.demo.wiretap import Findings
from ringwall.infra.errors import RingwallError
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings

_S = TypeVar("_S")


@dataclass(slots=True)
class Act:
    """One claim and how it went."""

    name: str
    ok: bool = False
    why: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"name": self.name, "ok": self.ok, "why": self.why}


@dataclass(slots=True)
class Report:
    """Everything that the demonstration measured."""

    acts: list[Act] = field(default_factory=list)
    links: list[dict[str, str]] = field(default_factory=list)
    legs: list[dict[str, Any]] = field(default_factory=list)
    setup_ms: float | None = None
    wiretap: Findings = field(default_factory=Findings)
    record: dict[str, Any] | None = None
    ledger_ok: bool = False
    outside: dict[str, Any] = field(default_factory=dict)  # the reports of the second act
    watched: list[dict[str, Any]] = field(default_factory=list)  # who heard whom when a call was watched
    reference: dict[str, Any] = field(default_factory=dict)  # what became of the phone of the third act

    @property
    def ok(self) -> bool:
        """Whether every act held."""
        return bool(self.acts) and all(act.ok for act in self.acts)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "ok": self.ok,
            "acts": [act.to_dict() for act in self.acts],
            "links": self.links,
            "legs": self.legs,
            "setup_ms": self.setup_ms,
            "wiretap": self.wiretap.to_dict(),
            "record": self.record,
            "ledger_ok": self.ledger_ok,
            "reports": self.outside,
            "watched": self.watched,
            "reference_phone": self.reference,
        }


@dataclass(slots=True)
class Stage:
    """What the acts play on."""

    layout: Layout
    settings: Settings
    phones: Phones
    report: Report
    say: Callable[[str], None]
    anna: Phone | None = None
    ben: Phone | None = None
    here: Talk | None = None
    there: Talk | None = None
    added: list[str] = field(default_factory=list)
    call: dict[str, Any] = field(default_factory=dict)
    cursor: int = 0
    lamp: Lamp | None = None  # of the called one
    pin: str = ""

    def ask(self, operation: str, **arguments: Any) -> Any:
        """Ask the running core."""
        return ask(self.layout, operation, arguments)


class NotHeldError(RingwallError):
    """A claim does not hold; the text says what was seen instead."""

    code = "not-held"


def claim(holds: bool, why: str) -> None:
    """Raise NotHeldError unless it holds."""
    if not holds:
        raise NotHeldError(why)


async def perform(
    stage: _S,
    acts: Sequence[tuple[str, Callable[[_S], Awaitable[None]]]],
    played: list[Act],
    say: Callable[[str], None],
) -> bool:
    """Play acts in order until one does not hold; `played` gets each. Returns whether all held."""
    for name, work in acts:
        act = Act(name)
        played.append(act)
        try:
            await work(stage)
        except RingwallError as error:
            act.why = str(error)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the act did not hold
            act.why = f"{type(error).__name__}: {error}"
        else:
            act.ok = True
        say(f"{'ok  ' if act.ok else 'FAIL'}  {name}{': ' + act.why if act.why else ''}")
        if not act.ok:
            return False
    return True

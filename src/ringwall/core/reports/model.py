"""One call as a report tells it, read from a record of the ledger.

Records are read with patience: a field that is missing or has another form is left empty, because a report
shows what there is, also of records that older versions wrote.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from ringwall.events.calls import CallDenied, CallEnded, CallRefused

Report = Literal["authcodes", "calls", "denied"]

# The kinds of records that each report is made of.
KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "calls": (CallEnded.kind,),
    "denied": (CallDenied.kind, CallRefused.kind),
    "authcodes": (CallEnded.kind, CallDenied.kind),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One call. `at` in RFC 3339, UTC; `seconds` of talk; `rule` is the one that allowed or denied it."""

    seq: int
    at: str
    caller: str
    dialled: str
    canonical: str
    number_class: str
    code: str
    code_name: str
    group: str
    rule: str
    why: str
    trunk: str
    seconds: float

    def to_value(self) -> dict[str, Any]:
        """The line as JSON has it."""
        value = asdict(self)
        value["class"] = value.pop("number_class")
        return value


def line_of(
    seq: int, at: str, body: Any, *, code_name: Callable[[str], str], group_of: Callable[[str], str]
) -> Line:
    """Read a record. `code_name` and `group_of` tell what the record does not: both are asked by id."""
    facts: Mapping[str, Any] = body if isinstance(body, dict) else {}
    subject = facts.get("subject")
    subject = subject if isinstance(subject, dict) else {}
    caller = _text(facts, "caller") or _text(subject, "user", "phone", "extension", "trunk")
    code = _text(facts, "code")
    seconds = facts.get("seconds")
    return Line(
        seq=seq,
        at=at,
        caller=caller,
        dialled=_text(facts, "dialled"),
        canonical=_text(facts, "canonical"),
        number_class=_text(facts, "class"),
        code=code,
        code_name=_text(facts, "code_name") or (code_name(code) if code else ""),
        group=_text(facts, "group") or group_of(caller),
        rule=_text(facts, "rule"),
        why=_text(facts, "because", "why", "cause"),
        trunk=_text(facts, "trunk"),
        seconds=round(float(seconds), 3) if isinstance(seconds, (int, float)) else 0.0,
    )


def _text(facts: Mapping[str, Any], *names: str) -> str:
    for name in names:
        value = facts.get(name)
        if isinstance(value, (str, int)) and not isinstance(value, bool) and value != "":
            return str(value)[:256]
    return ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines a report is about; what is empty does not matter."""

    code: str = ""
    user: str = ""

    def takes(self, report: str, line: Line) -> bool:
        """Whether a line belongs to a report."""
        if report == "authcodes" and not line.code:
            return False
        return (not self.code or line.code == self.code) and (not self.user or line.caller == self.user)


SUMMARY_BY: Final = {
    "authcodes": ("code", "code_name", "caller"),
    "calls": ("caller",),
    "denied": ("caller", "rule"),
}


def summary(report: str, lines: Iterable[Line]) -> list[dict[str, Any]]:
    """Return one row for each code and user, user, or user and rule: calls, seconds, first and last time."""
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    names = SUMMARY_BY[report]
    for line in lines:
        key = tuple(getattr(line, name) for name in names)
        row = rows.get(key)
        if row is None:
            row = rows[key] = {
                **dict(zip(names, key, strict=True)),
                "group": line.group,
                "calls": 0,
                "seconds": 0.0,
                "first": line.at,
                "last": line.at,
            }
        row["calls"] += 1
        row["seconds"] = round(row["seconds"] + line.seconds, 3)
        row["last"] = line.at
    return [rows[key] for key in sorted(rows)]

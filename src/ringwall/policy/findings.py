"""What the linter finds (C7)."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """How bad it is."""

    NOTICE = 1
    WARNING = 2
    HIGH = 3
    CRITICAL = 4


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at. `where` is a group, site, trunk group, code or extension."""

    id: str
    severity: Severity
    where: str
    what: str
    cure: str


Findings = Iterator[Finding]

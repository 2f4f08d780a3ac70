"""The trunks of this moment: their slots at the edge, whether they are there, how many calls they carry.

Rules that this module keeps:
- A slot belongs to one trunk until that trunk goes; a changed trunk keeps it, so calls that are up go on.
- Who speaks for a trunk: its own slot, or an address that an administrator named as a source of its calls.
- A trunk that seems to be away is tried last, not never: the sign may be wrong.
"""

import ipaddress
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ringwall.core.rights.trunk import TrunkLine
from ringwall.core.trunks.clear_text import clear_text_of
from ringwall.core.trunks.rights import Rights
from ringwall.sip.message import Request

TRUNK_HEADER: Final = "P-Ringwall-Trunk"
SLOTS: Final = 16
_NOBODYS: Final = 99


@dataclass(slots=True)
class TrunkState:
    """What is known of a carrier. `up` is None before anything was heard; `since` is unix seconds.

    `connection` is why the edge has no connection to it. That is more than unanswered questions tell, so it
    stands until the carrier is up.
    """

    up: bool | None = None
    why: str = ""
    connection: str = ""
    since: float = 0.0
    registered: bool | None = None
    registration: str = ""


class Trunks:
    """All trunks, as call control and supervision see them."""

    def __init__(self, rights: Rights) -> None:
        self._rights = rights
        self.lines: Mapping[str, TrunkLine] = {}  # all, also those that are not in service
        self.slots: dict[str, int] = {}
        self.states: dict[str, TrunkState] = {}
        self.live: Counter[str] = Counter()
        self.on_trouble: Callable[[], None] = _nothing  # a carrier is away, and the edge may know why
        self._by_slot: dict[str, str] = {}
        self._sources: list[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, str]] = []
        self.refresh()

    def refresh(self) -> None:
        """The administrator changed something: give slots anew. Trunks beyond the last slot get none."""
        self.lines = self._rights.trunks
        lines = [line for line in self.lines.values() if line.enabled]
        wanted = {line.id for line in lines}
        self.slots = {trunk: slot for trunk, slot in self.slots.items() if trunk in wanted}
        self.states = {trunk: state for trunk, state in self.states.items() if trunk in wanted}
        free = iter(sorted(set(range(1, SLOTS + 1)) - set(self.slots.values())))
        for line in sorted(lines, key=lambda one: (one.priority, one.id)):
            if line.id in self.slots:
                continue
            slot = next(free, None)
            if slot is not None:
                self.slots[line.id] = slot
        for trunk in self.slots:
            self.states.setdefault(trunk, TrunkState())
        self._by_slot = {str(slot): trunk for trunk, slot in self.slots.items()}
        self._sources = [(network, line.id) for line in lines for network in _networks(line)]

    # Who is it

    def line(self, trunk: str) -> TrunkLine | None:
        """The trunk, if it is there and in service."""
        return self.lines.get(trunk) if trunk in self.slots else None

    def of_slot(self, slot: str | None) -> TrunkLine | None:
        """The trunk that the edge means by a slot."""
        return self.line(self._by_slot.get(slot or "", ""))

    def of_source(self, address: str) -> TrunkLine | None:
        """The trunk whose calls come in from an address."""
        try:
            wanted = ipaddress.ip_address(address)
        except ValueError:
            return None
        for network, trunk in self._sources:
            if wanted.version == network.version and wanted in network:
                return self.line(trunk)
        return None

    def named(self, slot: str) -> str:
        """What a slot's trunk is called on record: "trunk main", or the slot where no trunk has it."""
        line = self.of_slot(slot)
        return f"slot {slot[:8]}" if line is None else f"trunk {line.id}"

    def address(self, trunk: str, request: Request) -> None:
        """Let the edge send a request of ours to the carrier; one that has no slot any more gets a 503."""
        request.headers.set(TRUNK_HEADER, str(self.slots.get(trunk, _NOBODYS)))

    # Which one

    def usable(self, groups: Iterable[str], *, emergency: bool) -> list[TrunkLine]:
        """The trunks of these groups that can take one more call, in the order in which they are tried.

        For an emergency call a full one counts as well, after the others.
        """
        lines = [line for trunk in self.slots if (line := self.line(trunk)) is not None]
        chosen: list[TrunkLine] = []
        for group in groups:
            of_group = [line for line in lines if line.trunk_group == group]
            chosen += sorted(of_group, key=lambda line: (line.priority, self.slots[line.id]))
        full = [line for line in chosen if self.live[line.id] >= line.max_calls]
        rest = [line for line in chosen if line not in full]
        away = [line for line in rest if self.is_away(line.id)]
        there = [line for line in rest if line not in away]
        return there + away + (full if emergency else [])

    def is_full(self, line: TrunkLine) -> bool:
        """Whether one more call is too many."""
        return self.live[line.id] >= line.max_calls

    def is_away(self, trunk: str) -> bool:
        """Whether the carrier seems not to be there."""
        state = self.states.get(trunk)
        return state is None or state.up is False or state.registered is False

    # What happened

    def hold(self, trunk: str) -> None:
        """One more call."""
        self.live[trunk] += 1

    def let_go(self, trunk: str) -> None:
        """One call less."""
        self.live[trunk] -= 1
        if self.live[trunk] <= 0:
            del self.live[trunk]

    def note(self, trunk: str, now: float, *, up: bool, why: str = "", connection: str = "") -> bool:
        """What was seen of a carrier; returns whether that is news.

        `connection` is the edge's word on why there is none.
        """
        state = self.states.get(trunk)
        if state is None:
            return False
        news = state.up is not up or (connection and connection != state.connection)
        if state.up is not up:
            state.up, state.since = up, now
        state.connection = "" if up else connection or state.connection
        state.why = "" if up else state.connection or why
        if news and not up and not state.connection:
            self.on_trouble()
        return bool(news)

    def describe(self) -> list[dict[str, Any]]:
        """All trunks, for `status`. No secrets."""
        return [self._describe(line) for line in self.lines.values()]

    def _describe(self, line: TrunkLine) -> dict[str, Any]:
        state = self.states.get(line.id, TrunkState(up=False, why=self._why_not(line)))
        told: dict[str, Any] = {
            "trunk": line.id,
            "name": line.name,
            "group": line.trunk_group,
            "slot": self.slots.get(line.id),
            "up": state.up,
            "why": state.why,
            "registered": state.registered,
            "registration": state.registration,
            "calls": self.live.get(line.id, 0),
            "max_calls": line.max_calls,
        }
        if line.clear_text:
            told["clear_text"] = warning_of(line)
        return told

    @staticmethod
    def _why_not(line: TrunkLine) -> str:
        if not line.enabled:
            return "it is switched off"
        return f"there are more than {SLOTS} trunks in service"


def _nothing() -> None:
    """Stands in where nobody asks the edge."""


def warning_of(line: TrunkLine) -> str:
    """What everybody is told while a trunk is not encrypted; empty where it is."""
    if not line.clear_text:
        return ""
    parts = [
        "signalling" if line.transport != "tls" else "",
        "voice" if clear_text_of(line) is not None else "",
    ]
    return f"clear text to carrier {line.name}: {' and '.join(part for part in parts if part)}"


def _networks(line: TrunkLine) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    if line.sources:
        return [ipaddress.ip_network(source, strict=False) for source in line.sources]
    try:
        return [ipaddress.ip_network(line.host)]
    except ValueError:  # a name: the edge knows its address, and says the slot
        return []

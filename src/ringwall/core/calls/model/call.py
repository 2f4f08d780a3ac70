"""A call: the parties, who has answered, how their media is joined, and how far it has come.

Rules that this value keeps:
- A call in which both parties talk can be written down as JSON and taken up again by another process
  (`to_value`, `secrets`, `from_value`). One that is still being set up cannot; its caller notices that by
  itself.
- Its state, its media path, who answered it and its times are written here alone; others say what happened.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ringwall.core.calls.model.answerer import Answerer, Party, Service
from ringwall.core.calls.model.codes import hidden_address
from ringwall.core.calls.model.details import CallDetails
from ringwall.core.calls.model.leg import ClearTextSource, Leg, no_trunks
from ringwall.core.calls.model.media_path import Bridged, MediaPath, Moving, Relayed
from ringwall.core.calls.model.relay import Relay, Side
from ringwall.core.calls.model.seizure import Seizure
from ringwall.core.calls.model.states import CALL, CallEvent, CallState, Change, LegState
from ringwall.core.calls.model.waiting import Observed
from ringwall.core.calls.model.watching import WatchMode


@dataclass(slots=True, eq=False)
class Watch:
    """Somebody watches a call: from the call `own`, because of `target`, whose call it is."""

    own: "Call"
    target: Leg
    mode: WatchMode
    began: bool = False  # whether the watcher hears anything yet

    @property
    def by(self) -> Leg:
        """The leg of the one who watches."""
        return self.own.caller


@dataclass(slots=True, eq=False)
class Recording:
    """A call is being recorded, by the extension `by`, because of `target`, whose call it is."""

    by: str
    target: Leg
    mailbox: str = ""
    on_stop: Callable[[], None] | None = None
    recorder: str = ""  # its name at the media server, when it has begun
    paused: bool = False
    announced: bool = False  # whether both were told by voice
    why: str = ""  # why it was ended, when it was

    def stop(self, why: str) -> None:
        """End it, or do not let it begin; `why` is for its record."""
        self.why = self.why or why
        if self.on_stop is not None:
            self.on_stop()

    @property
    def own(self) -> bool:
        """Whether it is of a call of one's own."""
        return self.by == self.target.extension


@dataclass(slots=True, eq=False)
class Call(Observed):
    """Two parties and how their media is joined. Times are unix seconds.

    Their media is joined by the call's `relay`, or by the media server, where each leg has a relay and a
    media leg of its own. A call with the system has a caller alone, who talks with the media server.
    """

    id: str
    caller: Leg
    dialled: str
    callee_name: str = ""
    branches: list[Leg] = field(default_factory=list)
    answerer: Answerer | None = None
    path: MediaPath | None = None  # None while nobody has answered
    state: CallState = CallState.SETUP
    started_at: float = field(default_factory=time.time)
    answered_at: float | None = None
    failures: list[tuple[int, str]] = field(default_factory=list)  # how branches ended: status, reason
    route_history: list[str] = field(default_factory=list)  # the extensions that it came to, in order
    seizures: list[Seizure] = field(default_factory=list)  # all trunks that were seized for it
    clear_text: list[str] = field(default_factory=list)  # what was not encrypted of it
    offer: bytes = field(default=b"", repr=False)  # the caller's offer, prepared for the relay
    on_answer: Callable[[bytes], None] | None = None  # takes the answer where nobody waits for it as usual
    on_system: Callable[[], None] | None = None  # the same, where the system answers and not a party
    details: CallDetails = field(default_factory=CallDetails)  # what its record says besides
    joined: bool = False  # the relay has made the caller's answer from the callee's
    on_end: list[Callable[[int], None]] = field(default_factory=list)  # who is told that it is over: status
    watch: Watch | None = None  # who watches it
    recording: Recording | None = None
    bridge_holds: set[str] = field(default_factory=set)  # what keeps it in a room (`bridge_holds`)
    warned: dict[str, str] = field(default_factory=dict)  # who hears a warning tone: players by tags
    on_record: bool = True  # whether its end makes a record; not if it was only to hear why it is refused

    on_change: Callable[["Call", Change], None] | None = None  # who is told of what the table emits

    def apply(self, event: CallEvent, at: float | None = None) -> bool:
        """Take what happened, `at` unix seconds; returns whether it means anything in this state."""
        row = CALL[self.state].get(event)
        if row is None:
            return False
        self.state = row.to
        if row.emits is Change.UP:
            self.answered_at = time.time() if at is None else at
            self.path = self.path or Bridged()
        self.announce()
        if row.emits is not None and self.on_change is not None:
            self.on_change(self, row.emits)
        return True

    # Who answered

    @property
    def callee(self) -> Leg | None:
        """The leg of the party that answered."""
        return self.answerer.leg if isinstance(self.answerer, Party) else None

    @property
    def system(self) -> str:
        """What answers in the place of a party, such as a menu; empty where a party does."""
        return self.answerer.name if isinstance(self.answerer, Service) else ""

    def answered_by(self, leg: Leg) -> None:
        """This party is the called side from now on."""
        self.answerer = Party(leg)

    def served_by(self, name: str) -> None:
        """The system answers this call."""
        self.answerer = Service(name)

    # How the media is joined

    @property
    def relay(self) -> Relay | None:
        """The relay that joins the two parties."""
        path = self._settled_path()
        return path.relay if isinstance(path, Relayed) else None

    @property
    def offerer(self) -> Side:
        """Whose offer was agreed on last."""
        path = self._settled_path()
        return path.offerer if isinstance(path, Relayed) else Side.A

    @property
    def media_transition(self) -> bool:
        """Whether its media is on the way from one way of being joined to another."""
        return isinstance(self.path, Moving)

    def answer_is_ready(self) -> None:
        """The relay has made the caller's answer from the callee's."""
        self.joined = True

    def _settled_path(self) -> "Relayed | Bridged | None":
        return self.path.since if isinstance(self.path, Moving) else self.path

    def _join(self, path: Relayed | Bridged) -> Relay | None:
        old = self.relay
        self.path = Moving(path) if isinstance(self.path, Moving) else path
        return old

    def join_by(self, relay: Relay, offerer: Side = Side.A) -> Relay | None:
        """The relay joins the two from now on; returns the one that did before."""
        return self._join(Relayed(relay, offerer))

    def join_at_server(self) -> Relay | None:
        """The media server joins the two from now on; returns the relay that did before."""
        return self._join(Bridged())

    def agreed(self, offerer: Side) -> None:
        """The offer of this side was agreed on."""
        path = self._settled_path()
        if isinstance(path, Relayed):
            self._join(Relayed(path.relay, offerer))

    def begin_move(self) -> None:
        """Its media is moved from now on, and by nobody else."""
        assert not isinstance(self.path, Moving)
        self.path = Moving(self.path)

    def end_move(self) -> None:
        """It is joined as was said last."""
        if isinstance(self.path, Moving):
            self.path = self.path.since
        self.announce()

    def talks(self) -> bool:
        """Whether both parties talk. A method, since it may change while a task waits."""
        return self.state is CallState.TALKING

    def legs(self) -> list[Leg]:
        """All legs that are not over."""
        return [leg for leg in (self.caller, *self.branches) if leg.state is not LegState.ENDED]

    def others(self) -> list[Leg]:
        """Who takes part besides caller and callee, such as those who hear a page."""
        return [
            leg
            for leg in self.branches
            if leg is not self.callee and leg.state is LegState.TALKING and leg.dialog is not None
        ]

    def other(self, leg: Leg) -> Leg | None:
        """The party at the other end."""
        return self.callee if leg is self.caller else self.caller

    def to_value(self) -> dict[str, Any]:
        """JSON-able value of a call in which both parties talk, or one with the system; without `secrets`."""
        caller = self.caller.to_value()
        # What the caller dialled is our end of its dialog: the digits of a code are not for the disk.
        caller["dialog"]["local"] = hidden_address(caller["dialog"]["local"], self.dialled)
        return {
            "v": 3,
            "id": self.id,
            "dialled": self.dialled,
            "callee_name": self.callee_name,
            "caller": caller,
            "callee": self.callee.to_value() if self.callee else None,
            "others": [leg.to_value() for leg in self.others()],
            "relay": {"id": self.relay.id, "chained": self.relay.chained} if self.relay else None,
            "system": self.system,
            "stays": sorted(self.bridge_holds),
            "offerer": self.offerer.value,
            "started_at": self.started_at,
            "answered_at": self.answered_at,
            "clear_text": self.clear_text,
            "notes": self.details.to_value(),
        }

    def secrets(self) -> dict[str, dict[str, str]]:
        """JSON-able value of what holds SRTP keys, by the tags of the legs."""
        legs = (self.caller, *([self.callee] if self.callee else ()), *self.others())
        return {leg.tag: leg.secrets() for leg in legs}

    @classmethod
    def from_value(
        cls,
        value: dict[str, Any],
        secrets: dict[str, dict[str, str]],
        clear_text: ClearTextSource = no_trunks,
    ) -> "Call":
        """Take up a call of the process before this one. Raises ValueError as `Leg.from_value`."""

        def leg(each: dict[str, Any]) -> Leg:
            return Leg.from_value(each, secrets.get(each["tag"]), clear_text)

        caller = leg(value["caller"])
        callee = leg(value["callee"]) if value["callee"] else None
        system = value.get("system", "")
        others = [leg(each) for each in value.get("others", ())]
        return cls(
            id=value["id"],
            caller=caller,
            dialled=value["dialled"],
            callee_name=value["callee_name"],
            branches=[*([callee] if callee else []), *others],
            answerer=Party(callee) if callee else Service(system) if system else None,
            path=_path(value),
            bridge_holds=set(value.get("stays", ())),
            joined=True,
            state=CallState.TALKING,
            started_at=value["started_at"],
            answered_at=value["answered_at"],
            seizures=[leg.seizure for leg in (caller, callee) if leg is not None and leg.seizure is not None],
            clear_text=value.get("clear_text", []),
            details=CallDetails.from_value(value.get("notes", {})),
        )


def _path(value: dict[str, Any]) -> MediaPath:
    relay = value["relay"]
    return (
        Relayed(Relay(relay["id"], relay["chained"]), Side(value["offerer"]))
        if relay is not None
        else Bridged()
    )

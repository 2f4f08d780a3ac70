"""The values of call control: a Leg is one SIP dialog with one party, a Call joins two of them.

Rules that these values keep:
- A call in which both parties talk can be written down as JSON and taken up again by another process
  (`to_value`, `from_value`): dialogs, keys of the relay and timers are all in it. A call that is still being
  set up cannot; the caller's phone notices that by itself.
- What a leg has sent and received as SDP is kept as bytes, since a refresh must repeat it to the letter. It
  holds keys, so no repr shows it.
- A leg in clear text is taken up again only if its trunk still allows that.
- Texts of phones need not be good UTF-8. In JSON each of their bytes stands as the character of that number.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ringwall.core.calls.model.codes import hidden_address
from ringwall.core.calls.model.json_text import each_text, restored, stored
from ringwall.core.calls.model.relay import Profile, Relay, Side
from ringwall.core.calls.model.seizure import Seizure
from ringwall.core.media.leg import MediaLeg
from ringwall.core.registrar.flows import Flow
from ringwall.core.trunks.clear_text import ClearText
from ringwall.sip.dialog import Dialog
from ringwall.sip.message import Request, Response
from ringwall.sip.offer_answer import OfferAnswer, OfferState
from ringwall.sip.reliable import ReliableReceiver, ReliableSender
from ringwall.sip.session_timer import SessionTimer


class LegState(Enum):
    """How far a leg has come."""

    SETUP = "setup"  # an INVITE is on its way, in either direction
    ANSWERED = "answered"  # we sent a 2xx and wait for its ACK
    TALKING = "talking"
    ENDED = "ended"


class CallState(Enum):
    """How far a call has come."""

    SETUP = "setup"
    ANSWERING = "answering"  # a branch has answered, the relay is being told
    TALKING = "talking"
    ENDED = "ended"


class WatchMode(Enum):
    """How somebody watches a call of others."""

    MONITOR = "silent monitor"  # hears both, heard by nobody
    COACH = "silent coach"  # hears both, heard by the one whose call it is
    BARGE = "barge in"  # one of three


Continuation = Callable[[Request, Response], None]
ClearTextSource = Callable[[str], ClearText | None]  # the permission of a trunk, by its id


def _no_trunks(_trunk: str) -> None:
    """Stands in where no trunk can be asked."""


@dataclass(slots=True, eq=False)
class Leg:
    """One party of a call.

    `tag` is our tag in the dialog with it; `contact` is how it reaches us in the dialog. A party inside has a
    device and an extension; one outside a `trunk` and a `number`, and a `seizure` if we called it.
    """

    side: Side
    tag: str
    sip_call_id: str
    device_id: int
    extension: str
    device: str
    flow: Flow | None
    contact: str
    profile: Profile | ClearText = Profile.SDES
    trunk: str = ""
    number: str = ""
    name: str = ""  # what an outside caller calls himself
    seizure: Seizure | None = None
    answered_at: float | None = None  # unix seconds
    state: LegState = LegState.SETUP
    key: str = ""  # of the INVITE transaction while it is open
    invite: Request | None = None  # the INVITE that we have to answer, until it is
    dialog: Dialog | None = None
    offers: OfferAnswer = field(default_factory=OfferAnswer)
    relay: Relay | None = None  # a relay of its own: of a branch until it answers, or to the media server
    media: MediaLeg | None = None  # its leg at the media server, if its media goes there
    local_sdp: bytes = field(default=b"", repr=False)  # what we sent last
    remote_sdp: bytes = field(default=b"", repr=False)  # what it sent last, as it came
    rejected_streams: tuple[
        str, ...
    ] = ()  # the media of its last offer that we did not take, as m= lines by place
    suite: str = ""
    timer: SessionTimer | None = None
    allows_update: bool = False
    client_transactions: dict[str, Continuation] = field(
        default_factory=dict
    )  # open client transactions in the dialog
    awaiting: set[asyncio.Future[Response]] = field(default_factory=set)  # those of them that a task awaits
    pending_requests: dict[str, Request] = field(
        default_factory=dict
    )  # its requests that wait for the other party, by key
    unacknowledged: set[str] = field(default_factory=set)  # its re-INVITEs whose ACK is not here yet, by key
    late_offer: str = ""  # the one of those whose ACK has to bring the answer to our offer
    reliable: ReliableSender | None = None
    prack_receiver: ReliableReceiver | None = None
    bye_wanted: str = ""  # why to hang up as soon as its ACK is here
    ringing_sent: int = 0  # the last provisional status that it was told
    on_end: list[Callable[[], None]] = field(default_factory=list)  # who is told that it is over

    @property
    def party(self) -> str:
        """The extension, or the number outside."""
        return self.number if self.trunk else self.extension

    @property
    def clear_text(self) -> ClearText | None:
        """The permission for a leg without SRTP, if it is one."""
        return None if isinstance(self.profile, Profile) else self.profile

    def to_value(self) -> dict[str, Any]:
        """JSON-able value of a leg that talks."""
        assert self.dialog is not None
        return {
            "side": self.side.value,
            "tag": self.tag,
            "sip_call_id": stored(self.sip_call_id),
            "device_id": self.device_id,
            "extension": self.extension,
            "device": self.device,
            "flow": str(self.flow) if self.flow else None,
            "contact": self.contact,
            "profile": self.profile.value if isinstance(self.profile, Profile) else None,
            "trunk": self.trunk,
            "number": stored(self.number),
            "name": stored(self.name),
            "seizure": self.seizure.to_value() if self.seizure else None,
            "answered_at": self.answered_at,
            "dialog": each_text(self.dialog.to_value(), stored),
            "local_sdp": self.local_sdp.decode("latin-1"),
            "remote_sdp": self.remote_sdp.decode("latin-1"),
            "declined": [stored(line) for line in self.rejected_streams],
            "suite": self.suite,
            "timer": self.timer.to_value() if self.timer else None,
            "allows_update": self.allows_update,
            "relay": self.relay.id if self.relay else None,
            "media": self.media.to_value() if self.media else None,
        }

    @classmethod
    def from_value(cls, value: dict[str, Any], clear_text: ClearTextSource = _no_trunks) -> "Leg":
        """Take up a leg that talked in the process before this one.

        Raises ValueError for one in clear text whose trunk does not allow that any more.
        """
        profile = Profile(value["profile"]) if value["profile"] else clear_text(value["trunk"])
        if profile is None:
            raise ValueError("the trunk does not allow clear text any more")
        return cls(
            side=Side(value["side"]),
            tag=value["tag"],
            sip_call_id=restored(value["sip_call_id"]),
            device_id=value["device_id"],
            extension=value["extension"],
            device=value["device"],
            flow=Flow.parse(value["flow"]) if value["flow"] else None,
            contact=value["contact"],
            profile=profile,
            trunk=value.get("trunk", ""),
            number=restored(value.get("number", "")),
            name=restored(value.get("name", "")),
            seizure=Seizure.from_value(value["seizure"]) if value.get("seizure") else None,
            answered_at=value.get("answered_at"),
            state=LegState.TALKING,
            dialog=Dialog.from_value(each_text(value["dialog"], restored)),
            offers=OfferAnswer(OfferState.STABLE, agreed=True),
            local_sdp=value["local_sdp"].encode("latin-1"),
            remote_sdp=value["remote_sdp"].encode("latin-1"),
            rejected_streams=tuple(restored(line) for line in value["declined"]),
            suite=value["suite"],
            timer=SessionTimer.from_value(value["timer"]) if value["timer"] else None,
            allows_update=value["allows_update"],
            relay=Relay(value["relay"]) if value.get("relay") else None,
            media=MediaLeg.from_value(value["media"]) if value.get("media") else None,
        )


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
class Call:
    """Two parties and how their media is joined. Times are unix seconds.

    Their media is joined by the call's `relay`, or by the media server, where each leg has a relay and a
    media leg of its own. A call with the system has a caller alone, who talks with the media server.
    """

    id: str
    caller: Leg
    dialled: str
    callee_name: str = ""
    branches: list[Leg] = field(default_factory=list)
    callee: Leg | None = None  # the branch that answered
    relay: Relay | None = None
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
    notes: dict[str, object] = field(default_factory=dict)  # what its record says besides
    joined: bool = False  # the relay has made the caller's answer from the callee's
    offerer: Side = Side.A  # who made the offer that was agreed on last
    media_transition: bool = False  # its media is on the way from one way of being joined to another
    system: str = ""  # what answered in the place of a party, such as a menu
    on_end: list[Callable[[int], None]] = field(default_factory=list)  # who is told that it is over: status
    watch: Watch | None = None  # who watches it
    recording: Recording | None = None
    bridge_holds: set[str] = field(default_factory=set)  # what keeps it in a room (`bridge_holds`)
    warned: dict[str, str] = field(default_factory=dict)  # who hears a warning tone: players by tags
    on_record: bool = True  # whether its end makes a record; not if it was only to hear why it is refused

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
        """JSON-able value of a call in which both parties talk, or one with the system."""
        caller = self.caller.to_value()
        # What the caller dialled is our end of its dialog: the digits of a code are not for the disk.
        caller["dialog"]["local"] = hidden_address(caller["dialog"]["local"], self.dialled)
        return {
            "v": 2,
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
            "notes": self.notes,
        }

    @classmethod
    def from_value(cls, value: dict[str, Any], clear_text: ClearTextSource = _no_trunks) -> "Call":
        """Take up a call of the process before this one. Raises ValueError as `Leg.from_value`."""
        caller = Leg.from_value(value["caller"], clear_text)
        callee = Leg.from_value(value["callee"], clear_text) if value["callee"] else None
        others = [Leg.from_value(each, clear_text) for each in value.get("others", ())]
        return cls(
            id=value["id"],
            caller=caller,
            dialled=value["dialled"],
            callee_name=value["callee_name"],
            branches=[*([callee] if callee else []), *others],
            callee=callee,
            relay=Relay(value["relay"]["id"], value["relay"]["chained"]) if value["relay"] else None,
            system=value.get("system", ""),
            bridge_holds=set(value.get("stays", ())),
            joined=True,
            offerer=Side(value["offerer"]),
            state=CallState.TALKING,
            started_at=value["started_at"],
            answered_at=value["answered_at"],
            seizures=[leg.seizure for leg in (caller, callee) if leg is not None and leg.seizure is not None],
            clear_text=value.get("clear_text", []),
            notes=value.get("notes", {}),
        )

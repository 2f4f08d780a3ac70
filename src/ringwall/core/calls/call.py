"""The values of call control: a Leg is one SIP dialog with one party, a Call joins two of them.

Rules that these values keep:
- A call in which both parties talk can be written down as JSON and taken up again by another process (`to_value`,
  `from_value`): dialogs, keys of the relay and timers are all in it. A call that is still being set up cannot; the
  caller's phone notices that by itself.
- What a leg has sent and received as SDP is kept as bytes, since a refresh must repeat it to the letter.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ringwall.core.calls.relay import Profile, Relay, Side
from ringwall.core.registrar.flows import Flow
from ringwall.sip.dialog import Dialog
from ringwall.sip.message import Request, Response
from ringwall.sip.offer_answer import OfferAnswer
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


Continuation = Callable[[Request, Response], None]


@dataclass(slots=True, eq=False)
class Leg:
    """One party of a call. `tag` is our tag in the dialog with it; `contact` is how it reaches us in the dialog."""

    side: Side
    tag: str
    sip_call_id: str
    device_id: int
    extension: str
    device: str
    flow: Flow | None
    contact: str
    profile: Profile = Profile.SDES
    state: LegState = LegState.SETUP
    key: str = ""  # of the INVITE transaction while it is open
    invite: Request | None = None  # the INVITE that we have to answer, until it is
    dialog: Dialog | None = None
    offers: OfferAnswer = field(default_factory=OfferAnswer)
    relay: Relay | None = None  # a branch has a relay of its own; the one that answers becomes the call's
    local_sdp: bytes = b""  # what we sent last
    remote_sdp: bytes = b""  # what it sent last, as it came
    declined: tuple[str, ...] = ()  # the media of its last offer that we did not take, as m= lines by place
    suite: str = ""
    timer: SessionTimer | None = None
    allows_update: bool = False
    waiting: dict[str, Continuation] = field(default_factory=dict)  # open client transactions in the dialog
    invite_cseq: int = 0  # of the last INVITE that we sent, to acknowledge a repeated 2xx
    reliable: ReliableSender | None = None
    pracks: ReliableReceiver | None = None
    bye_wanted: str = ""  # why to hang up as soon as its ACK is here
    ringing_sent: int = 0  # the last provisional status that it was told

    def to_value(self) -> dict[str, Any]:
        """JSON-able value of a leg that talks."""
        assert self.dialog is not None
        return {
            "side": self.side.value,
            "tag": self.tag,
            "sip_call_id": self.sip_call_id,
            "device_id": self.device_id,
            "extension": self.extension,
            "device": self.device,
            "flow": str(self.flow) if self.flow else None,
            "contact": self.contact,
            "profile": self.profile.value,
            "dialog": self.dialog.to_value(),
            "local_sdp": self.local_sdp.decode(),
            "remote_sdp": self.remote_sdp.decode("utf-8", "surrogateescape")
            .encode("utf-8", "replace")
            .decode(),
            "declined": list(self.declined),
            "suite": self.suite,
            "timer": self.timer.to_value() if self.timer else None,
            "allows_update": self.allows_update,
        }

    @classmethod
    def from_value(cls, value: dict[str, Any]) -> "Leg":
        """Take up a leg that talked in the process before this one."""
        return cls(
            side=Side(value["side"]),
            tag=value["tag"],
            sip_call_id=value["sip_call_id"],
            device_id=value["device_id"],
            extension=value["extension"],
            device=value["device"],
            flow=Flow.parse(value["flow"]) if value["flow"] else None,
            contact=value["contact"],
            profile=Profile(value["profile"]),
            state=LegState.TALKING,
            dialog=Dialog.from_value(value["dialog"]),
            local_sdp=value["local_sdp"].encode(),
            remote_sdp=value["remote_sdp"].encode(),
            declined=tuple(value["declined"]),
            suite=value["suite"],
            timer=SessionTimer.from_value(value["timer"]) if value["timer"] else None,
            allows_update=value["allows_update"],
        )


@dataclass(slots=True, eq=False)
class Call:
    """Two parties and how their media is joined. Times are unix seconds."""

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
    offer: bytes = b""  # the caller's offer, prepared for the relay

    def legs(self) -> list[Leg]:
        """All legs that are not over."""
        return [leg for leg in (self.caller, *self.branches) if leg.state is not LegState.ENDED]

    def other(self, leg: Leg) -> Leg | None:
        """The party at the other end."""
        return self.callee if leg is self.caller else self.caller

    def to_value(self) -> dict[str, Any]:
        """JSON-able value of a call in which both parties talk."""
        assert self.callee is not None
        assert self.relay is not None
        return {
            "v": 1,
            "id": self.id,
            "dialled": self.dialled,
            "callee_name": self.callee_name,
            "caller": self.caller.to_value(),
            "callee": self.callee.to_value(),
            "relay": {"id": self.relay.id, "chained": self.relay.chained},
            "started_at": self.started_at,
            "answered_at": self.answered_at,
        }

    @classmethod
    def from_value(cls, value: dict[str, Any]) -> "Call":
        """Take up a call of the process before this one."""
        callee = Leg.from_value(value["callee"])
        return cls(
            id=value["id"],
            caller=Leg.from_value(value["caller"]),
            dialled=value["dialled"],
            callee_name=value["callee_name"],
            branches=[callee],
            callee=callee,
            relay=Relay(value["relay"]["id"], value["relay"]["chained"]),
            state=CallState.TALKING,
            started_at=value["started_at"],
            answered_at=value["answered_at"],
        )

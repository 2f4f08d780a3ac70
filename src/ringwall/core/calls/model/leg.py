"""One party of a call: one SIP dialog, its media, and how far it has come.

Rules that this value keeps:
- It can be written down as JSON and taken up again by another process (`to_value`, `secrets`, `from_value`)
  if it talks: the dialog, descriptions and timers are all in it.
- What it has sent and received as SDP is kept as bytes, since a refresh must repeat it to the letter. It
  holds keys, so no repr shows it, and it is never in `to_value`: `secrets` has it, for whoever seals it.
- A leg in clear text is taken up again only if its trunk still allows that.
- Texts of phones need not be good UTF-8. In JSON each of their bytes stands as the character of that number.
- Its state, its times and where its media goes are written here alone.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ringwall.core.calls.model.json_text import each_text, restored, stored
from ringwall.core.calls.model.relay import Profile, Relay, Side
from ringwall.core.calls.model.seizure import Seizure
from ringwall.core.calls.model.states import LEG, LegEvent, LegState
from ringwall.core.calls.model.waiting import Observed
from ringwall.core.media.leg import MediaLeg
from ringwall.core.registrar.flows import Flow
from ringwall.core.trunks.clear_text import ClearText
from ringwall.sip.dialog import Dialog
from ringwall.sip.message import Request, Response
from ringwall.sip.offer_answer import OfferAnswer, OfferState
from ringwall.sip.reliable import ReliableReceiver, ReliableSender
from ringwall.sip.session_timer import SessionTimer

Continuation = Callable[[Request, Response], None]
ClearTextSource = Callable[[str], ClearText | None]  # the permission of a trunk, by its id


_NO_SECRETS = {"local_sdp": "", "remote_sdp": "", "media_key": ""}


def no_trunks(_trunk: str) -> None:
    """Stands in where no trunk can be asked."""


@dataclass(slots=True, eq=False)
class Leg(Observed):
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
    name: str = ""  # what an outside caller calls themselves
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
    sdp_version: int = 0  # of the last offer that was made for it, taken or not
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

    def apply(self, event: LegEvent, at: float | None = None) -> bool:
        """Take what happened, `at` unix seconds; returns whether it means anything in this state."""
        row = LEG[self.state].get(event)
        if row is None:
            return False
        self.state = row.to
        if row.answered:
            self.answered_at = time.time() if at is None else at
        if event is LegEvent.ACCEPTED:
            self.key = ""
        else:
            self.invite = None if event is not LegEvent.ACKNOWLEDGED else self.invite
        self.announce()
        return True

    def take_relay(self, relay: Relay) -> None:
        """Its media goes through a relay of its own from now on."""
        self.relay = relay

    def give_relay(self) -> Relay | None:
        """Its relay is somebody else's affair from now on: the call's, or nobody's; returns it."""
        relay, self.relay = self.relay, None
        return relay

    def go_to_server(self, media: MediaLeg, relay: Relay | None = None) -> None:
        """Its media goes to the media server from now on, through `relay` or the one that it has."""
        self.media = media
        self.relay = relay or self.relay
        self.announce()

    def leave_server(self) -> Relay | None:
        """Its media does not go to the media server any more; returns the relay that led there."""
        self.media = None
        self.announce()
        return self.give_relay()

    @property
    def party(self) -> str:
        """The extension, or the number outside."""
        return self.number if self.trunk else self.extension

    @property
    def clear_text(self) -> ClearText | None:
        """The permission for a leg without SRTP, if it is one."""
        return None if isinstance(self.profile, Profile) else self.profile

    def to_value(self) -> dict[str, Any]:
        """JSON-able value of a leg that talks, without what `secrets` has."""
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
            "declined": [stored(line) for line in self.rejected_streams],
            "sdp_version": self.sdp_version,
            "suite": self.suite,
            "timer": self.timer.to_value() if self.timer else None,
            "allows_update": self.allows_update,
            "relay": self.relay.id if self.relay else None,
            "media": self.media.to_value() if self.media else None,
        }

    def secrets(self) -> dict[str, str]:
        """JSON-able value of what holds SRTP keys."""
        return {
            "local_sdp": self.local_sdp.decode("latin-1"),
            "remote_sdp": self.remote_sdp.decode("latin-1"),
            "media_key": self.media.key if self.media else "",
        }

    @classmethod
    def from_value(
        cls,
        value: dict[str, Any],
        secrets: dict[str, str] | None,
        clear_text: ClearTextSource = no_trunks,
    ) -> "Leg":
        """Take up a leg that talked in the process before this one; without its secrets it can only be ended.

        Raises ValueError for one in clear text whose trunk does not allow that any more.
        """
        secrets = _NO_SECRETS if secrets is None else secrets
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
            flow=Flow.remembered(value["flow"]) if value["flow"] else None,
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
            sdp_version=value.get("sdp_version", 0),
            local_sdp=secrets["local_sdp"].encode("latin-1"),
            remote_sdp=secrets["remote_sdp"].encode("latin-1"),
            rejected_streams=tuple(restored(line) for line in value["declined"]),
            suite=value["suite"],
            timer=SessionTimer.from_value(value["timer"]) if value["timer"] else None,
            allows_update=value["allows_update"],
            relay=Relay(value["relay"]) if value.get("relay") else None,
            media=MediaLeg.from_value(value["media"], secrets["media_key"]) if value.get("media") else None,
        )

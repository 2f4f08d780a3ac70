"""What each request does. Every one may come twice; the second time changes nothing.

Requests that touch the disk answer later; all others at once.
"""

import logging
import secrets
import time
from collections.abc import Callable
from typing import Any

from ringwall import __version__
from ringwall.media import realtime, tones
from ringwall.media.control import requests as ask
from ringwall.media.control.owners import Owner
from ringwall.media.control.playing import Playing
from ringwall.media.control.recording import Recording
from ringwall.media.dtmf import Key
from ringwall.media.engine import MOST_LEGS, Engine
from ringwall.media.errors import MediaError
from ringwall.media.legs import Leg, Peer
from ringwall.media.mixer import ALL, matrix
from ringwall.media.prompts import Prompts
from ringwall.media.rooms import Room
from ringwall.media.srtp import SUITES

log = logging.getLogger(__name__)

MOST_ROOMS = 250
MOST_OWNERS = 64

Answer = dict[str, Any]
Reply = Callable[[Answer], None]


class Desk:
    """Does what owners ask for. ``relays`` says whether a leg may lead to a host and port."""

    def __init__(
        self,
        engine: Engine,
        prompts: Prompts,
        recording: Recording,
        *,
        address: str,
        process: int,
        relays: Callable[[str, int], bool],
    ) -> None:
        self._engine = engine
        self._prompts = prompts
        self._playing = Playing(engine, prompts, recording.recordings)
        self._recording = recording
        self._address = address
        self._process = process
        self._relays = relays
        self._owners: dict[str, Owner] = {}
        self._owner_of: dict[Leg, Owner] = {}
        self.boot = secrets.token_hex(8)

    def hello(self, request: ask.Hello) -> tuple[Owner, Answer]:
        """Return the owner, new or known, and what is said to it."""
        owner = self._owners.get(request.owner)
        if owner is None:
            if len(self._owners) >= MOST_OWNERS:
                raise MediaError(f"{MOST_OWNERS} cores use this server already.", code="full")
            owner = self._owners[request.owner] = Owner(request.owner)
        return owner, {
            "version": __version__,
            "boot": self.boot,
            "process": self._process,
            "address": self._address,
            "suites": list(SUITES),
            "most_legs": MOST_LEGS,
            "legs": len(self._engine.legs),
            "music": self._prompts.music,
            "countries": sorted(tones.COUNTRIES),
            "owned": len(owner.legs),
        }

    def status(self) -> Answer:
        """Return how the process is doing, for whoever watches it."""
        engine = self._engine
        return {
            "version": __version__,
            "boot": self.boot,
            "process": self._process,
            "real_time": realtime.active(),
            "legs": len(engine.legs),
            "most_legs": MOST_LEGS,
            "rooms": len(engine.rooms),
            "players": len(engine.players),
            "recorders": len(engine.recorders),
            "owners": {owner.name: len(owner.legs) for owner in self._owners.values()},
            "skipped_ms": engine.skipped * 20,
        }

    def handle(self, owner: Owner, request: ask.Request, reply: Reply) -> Answer | None:
        """Return the answer, or None when ``reply`` will get it. MediaError when it cannot be done."""
        owner.renew()
        match request:
            case ask.Renew():
                return {}
            case ask.Status():
                return self.status()
            case ask.List():
                return self._list(owner)
            case ask.Bye():
                self.end(owner, "stopped")
                return {}
            case ask.OnLeg() | ask.Connect() | ask.Press():
                return self._on_leg(owner, request)
            case ask.SetRoom() | ask.CloseRoom():
                return self._on_room(owner, request)
            case ask.Play():
                return self._playing.play(owner, request)
            case ask.Stop():
                return self._playing.stop(owner, request.player)
            case ask.Record():
                return self._recording.record(self._engine, owner, request, self._playing)
            case ask.OnRecorder() | ask.RecordOf():
                return self._recording.change(owner, request)
            case ask.Finish() | ask.Read() | ask.Remove():
                self._recording.on_file(request, reply)
                return None
            case _:
                raise MediaError("Hello was said already on this connection.", code="syntax")

    def tell(self, leg: Leg, event: dict[str, Any]) -> None:
        """Tell the owner of a leg what happened."""
        owner = self._owner_of.get(leg)
        if owner is not None:
            owner.tell(event)

    def end_leases(self) -> None:
        """End all that belongs to owners who did not renew."""
        now = time.monotonic()
        for owner in tuple(self._owners.values()):
            if owner.expired(now):
                if owner.legs or owner.recorders:
                    log.warning("The lease of %s ran out with %d legs", owner.name, len(owner.legs))
                self.end(owner, "lease")
                if owner.forgotten(now):
                    del self._owners[owner.name]

    def end_all(self) -> None:
        """End everything: the process stops."""
        for owner in self._owners.values():
            self.end(owner, "stopping")

    def end(self, owner: Owner, why: str) -> None:
        """End all that an owner has; recorders are finalised."""
        for recorder in tuple(owner.recorders.values()):
            recorder.stop("lease" if why == "lease" else "gone")
        for player in tuple(owner.players.values()):
            player.drop("gone")
        for room in owner.rooms.values():
            self._engine.close_room(room)
        owner.rooms.clear()
        for leg in tuple(owner.legs.values()):
            self._close_leg(owner, leg)
            if why != "stopped":
                owner.tell({"event": "leg.ended", "leg": leg.name, "why": why})

    def _list(self, owner: Owner) -> Answer:
        clock = self._engine.playout.clock

        def place(target: Leg | Room) -> Answer:
            return {"leg" if isinstance(target, Leg) else "room": target.name}

        return {
            "legs": [
                {
                    "leg": leg.name,
                    "port": leg.socket.getsockname()[1],
                    "connected": leg.peer is not None,
                    "room": leg.room.name if leg.room is not None else None,
                    "heard": None if leg.heard is None else round((clock - leg.heard) / 8000, 2),
                }
                for leg in owner.legs.values()
            ],
            "rooms": [
                {"room": room.name, "legs": [leg.name for leg in room.legs]} for room in owner.rooms.values()
            ],
            "players": [{"player": player.name, **place(player.target)} for player in owner.players.values()],
            "recorders": [
                {
                    "recorder": recorder.name,
                    **place(recorder.target),
                    "recording": recorder.recording,
                    "seconds": recorder.seconds,
                    "paused": recorder.paused,
                }
                for recorder in owner.recorders.values()
            ],
        }

    def _on_leg(self, owner: Owner, request: ask.OnLeg | ask.Connect | ask.Press) -> Answer:
        leg = owner.legs.get(request.leg)
        if isinstance(request, ask.Press):
            if leg is None:
                raise unknown("leg", request.leg)
            return {"said": leg.press(Key(request.key, request.ms))}
        if isinstance(request, ask.Connect):
            if leg is None:
                raise unknown("leg", request.leg)
            return self._connect(leg, request)
        if request.op == "leg.open":
            if leg is None:
                leg = owner.legs[request.leg] = self._engine.open_leg(request.leg)
                self._owner_of[leg] = owner
            return {"address": self._address, "port": leg.socket.getsockname()[1]}
        if leg is None:
            if request.op == "leg.close":
                return {}
            raise unknown("leg", request.leg)
        return self._engine.stats(leg) if request.op == "leg.stats" else self._close_leg(owner, leg)

    def _close_leg(self, owner: Owner, leg: Leg) -> Answer:
        owner.legs.pop(leg.name, None)
        found = self._engine.close_leg(leg)
        self._owner_of.pop(leg, None)
        return found

    def _connect(self, leg: Leg, request: ask.Connect) -> Answer:
        suite = SUITES.get(request.suite)
        if suite is None:
            raise MediaError(f"suite: must be one of {', '.join(SUITES)}.", code="syntax")
        for name in ("send_key", "receive_key"):
            if len(getattr(request, name)) != suite.key_bytes:
                raise MediaError(f"{name}: {suite.name} needs {suite.key_bytes} bytes.", code="syntax")
        if request.send_key == request.receive_key:
            # Both directions under one key would be one keystream twice (RFC 3711, 9.1).
            raise MediaError("receive_key: must not be the send_key.", code="syntax")
        if not self._relays(request.host, request.port):
            raise MediaError(
                f"{request.host}:{request.port} is no media relay of this system: see [media] relays and "
                "[ports] rtp_first, rtp_last.",
                code="forbidden",
            )
        self._engine.connect_leg(
            leg,
            Peer(
                *(request.host, request.port, suite, request.send_key, request.receive_key),
                *(request.payload, request.dtmf, request.ptime),
            ),
        )
        return {}

    def _on_room(self, owner: Owner, request: ask.SetRoom | ask.CloseRoom) -> Answer:
        if isinstance(request, ask.CloseRoom):
            closed = owner.rooms.pop(request.room, None)
            if closed is not None:
                self._engine.close_room(closed)
            return {}
        names = list(dict.fromkeys(request.legs))
        legs = []
        for name in names:
            if name not in owner.legs:
                raise unknown("leg", name)
            legs.append(owner.legs[name])
        named = {*request.hears, *(speaker for gains in request.hears.values() for speaker in gains)}
        strange = named - {ALL, *names}
        if strange:
            raise MediaError(f"hears: {min(strange)} is no leg of this room.", code="unknown")
        room = owner.rooms.get(request.room)
        if room is None:
            if len(self._engine.rooms) >= MOST_ROOMS:
                raise MediaError(f"There are {MOST_ROOMS} rooms here already.", code="full")
            room = owner.rooms[request.room] = Room(request.room)
        self._engine.set_room(room, legs, matrix(names, request.hears))
        return {}


def unknown(kind: str, name: str) -> MediaError:
    """Return the error for a name that is not there."""
    return MediaError(f"There is no {kind} {name}.", code="unknown")

"""A media server behind a link that only seems to be one: it keeps to docs/media-control.md, and has no sound.

A prompt lasts a second. What a test asks it: which legs are connected to where, who hears whom, what plays.
"""

import asyncio
import base64
import itertools
import re
from contextlib import suppress
from dataclasses import dataclass, field

from ringwall.core.media.errors import MediaAway, MediaRefusal
from ringwall.sip.sdes import KEY_LENGTHS

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
PROMPT_SECONDS = 1.0
ONCE = {"beep": 0.4, "warning": 0.4, "intrusion": 0.8, "page": 1.1}  # tones that have an end


@dataclass
class Leg:
    port: int
    wiring: dict = field(default_factory=dict)
    room: str = ""


class MediaServer:
    """One server process and the link to it; `kill` is a new process, `lose` only the link."""

    def __init__(self, loop) -> None:
        self.loop = loop
        self.up = False
        self.event = lambda event: None
        self.settled = lambda hello, found: []
        self.after = lambda: None
        self.down = lambda: None
        self.delay = 0.001
        self._last = 0.0
        self.refusing: dict[str, str] = {}  # a code by the name of an operation
        self.most_legs = 250
        self.log: list[tuple[str, dict]] = []
        self._ports = itertools.count(46000, 2)
        self._boots = itertools.count(1)
        self.boot = ""
        self.kill()

    # What a test does

    def kill(self) -> None:
        """The process dies; another one starts, with nothing."""
        self.lose()
        self.boot = f"boot{next(self._boots)}"
        self.legs: dict[str, Leg] = {}
        self.rooms: dict[str, dict] = {}
        self.players: dict[str, dict] = {}
        self.recorders: dict[str, dict] = {}
        self.pressed: list[tuple[str, str]] = []  # what legs were told

    def lose(self) -> None:
        was_up, self.up = self.up, False
        self.connected = False
        if was_up:
            self.loop.call_soon(self.down)

    def connect(self) -> None:
        """The core's link to it comes up."""
        found = {
            "legs": [{"leg": name, "port": leg.port} for name, leg in self.legs.items()],
            "rooms": [{"room": name, "legs": list(hears)} for name, hears in self.rooms.items()],
            "players": [{"player": name, **where} for name, where in self.players.items()],
            "recorders": [{"recorder": name} for name in self.recorders],
        }
        self.connected = True  # what happens from now on is told
        for request in self.settled({"boot": self.boot, "most_legs": self.most_legs}, found):
            self._run(dict(request))
        self.up = True
        self.after()

    def press(self, leg: str, keys: str) -> None:
        for key in keys:
            self.event({"event": "dtmf", "leg": leg, "key": key, "ms": 100})

    def only_leg(self) -> str:
        [name] = self.legs
        return name

    def hears(self, listener: str) -> set[str]:
        """Whom a leg hears."""
        room = self.legs[listener].room
        return {speaker for speaker, gain in self.rooms.get(room, {}).get(listener, {}).items() if gain > 0}

    def playing(self, leg: str) -> list:
        """What plays to a leg or to its room."""
        here = {"leg": leg}, {"room": self.legs[leg].room}
        return [
            p["items"] for p in self.players.values() if {k: p[k] for k in ("leg", "room") if k in p} in here
        ]

    def played(self) -> list[str]:
        """All prompts and tones that were ever asked for, in order."""
        return [
            str(item.get("prompt") or item.get("tone") or item.get("recording") or "silence")
            for op, request in self.log
            if op == "play"
            for item in request["items"]
        ]

    # The link

    async def call(self, op: str, **fields):
        if not self.up:
            raise MediaAway("the media server is not there")
        boot = self.boot
        await asyncio.sleep(self._turn())
        if not self.up or boot != self.boot:
            raise MediaAway("the media server was lost")
        return self._run({"op": op, **fields})

    def tell(self, op: str, **fields) -> None:
        if self.up:
            self.loop.call_later(self._turn(), self._tell, self.boot, {"op": op, **fields})

    def _turn(self) -> float:
        """In how many seconds the server does what is sent now: in the order of the link, one after the other."""
        now = self.loop.time()
        self._last = max(now + self.delay, self._last + 1e-6)
        return self._last - now

    def _tell(self, boot: str, request: dict) -> None:
        if boot == self.boot:
            with suppress(MediaRefusal):
                self._run(request)

    # The server

    def _run(self, request: dict) -> dict:
        op = request.pop("op")
        self.log.append((op, request))
        if op in self.refusing:
            raise MediaRefusal(f"{op} is refused", self.refusing[op])
        for name in ("leg", "room", "player", "recorder", "recording"):
            assert name not in request or _NAME.fullmatch(request[name]), request
        return getattr(self, "_" + op.replace(".", "_"))(**request)

    def _known(self, leg: str) -> Leg:
        if leg not in self.legs:
            raise MediaRefusal(f"there is no leg {leg}", "unknown")
        return self.legs[leg]

    def _leg_open(self, leg: str) -> dict:
        if leg not in self.legs:
            if len(self.legs) >= self.most_legs:
                raise MediaRefusal("no leg is left", "full")
            self.legs[leg] = Leg(next(self._ports))
        return {"address": "203.0.113.1", "port": self.legs[leg].port}

    def _leg_connect(self, leg: str, **wiring) -> dict:
        found = self._known(leg)
        for name in ("send_key", "receive_key"):
            assert len(base64.b64decode(wiring[name], validate=True)) == KEY_LENGTHS[wiring["suite"]]
        assert wiring["send_key"] != wiring["receive_key"]
        assert wiring["payload"] in (0, 8)
        assert wiring["ptime"] in (10, 20, 30, 40, 50, 60)
        found.wiring = wiring
        return {}

    def _leg_press(self, leg: str, key: str, ms: int = 160) -> dict:
        self._known(leg)
        self.pressed.append((leg, key))
        return {"said": True}

    def _leg_close(self, leg: str) -> dict:
        if self.legs.pop(leg, None) is not None:
            for hears in self.rooms.values():
                hears.pop(leg, None)
                for row in hears.values():
                    row.pop(leg, None)
            self._end({n for n, p in self.players.items() if p.get("leg") == leg}, "gone")
            for name in [n for n, r in self.recorders.items() if r.get("leg") == leg]:
                self._recorded(name, "gone")
        return {}

    def _room_set(self, room: str, legs: list, hears: dict) -> dict:
        for leg in legs:
            self._known(leg)
        for listener, row in hears.items():
            assert listener in legs, (listener, legs)
            assert all(speaker in legs for speaker in row), (row, legs)
        for leg in legs:
            old = self.legs[leg].room
            if old != room and old in self.rooms:
                self.rooms[old].pop(leg, None)
            self.legs[leg].room = room
        for name, leg in self.legs.items():
            if leg.room == room and name not in legs:
                leg.room = ""
        self.rooms[room] = {leg: dict(hears.get(leg, {})) for leg in legs}
        return {}

    def _room_close(self, room: str) -> dict:
        self.rooms.pop(room, None)
        for leg in self.legs.values():
            if leg.room == room:
                leg.room = ""
        self._end({n for n, p in self.players.items() if p.get("room") == room}, "gone")
        for name in [n for n, r in self.recorders.items() if r.get("room") == room]:
            self._recorded(name, "gone")
        return {}

    def _play(self, player: str, items: list, loop: bool = False, gain: float = 1.0, **where) -> dict:
        if "leg" in where:
            self._known(where["leg"])
        elif where["room"] not in self.rooms:
            raise MediaRefusal("there is no such room", "unknown")
        seconds = 0.0
        for item in items:
            if item.get("prompt", "").startswith("no-such"):
                raise MediaRefusal(f"there is no prompt {item['prompt']}", "unknown")
            long = item.get("seconds") or item.get("silence") or ONCE.get(item.get("tone"))
            long = long or (0 if "tone" in item else PROMPT_SECONDS)
            seconds += long or float("inf")
        if loop:
            seconds = float("inf")
        self.players[player] = {"items": items, **where}
        if seconds != float("inf"):
            self.loop.call_later(seconds, self._end, {player}, "end")
            return {"seconds": seconds}
        return {"seconds": None}

    def _stop(self, player: str) -> dict:
        self._end({player}, "stopped")
        return {}

    def _end(self, players: set, reason: str) -> None:
        for player in players:
            if self.players.pop(player, None) is not None and self.connected:
                self.event({"event": "played", "player": player, "reason": reason})

    def _record(
        self, recorder: str, recording: str, key: str, most: float, silence: float = 0, **where
    ) -> dict:
        assert len(base64.b64decode(key)) == 32
        self.recorders[recorder] = {
            "recording": recording, "began": self.loop.time(), "paused": False, **where
        }  # fmt: skip
        self.loop.call_later(most, self._recorded, recorder, "most")
        return {}

    def silence(self, recorder: str) -> None:
        """Who is recorded has stopped speaking."""
        self._recorded(recorder, "silence")

    def _recorder(self, name: str) -> dict:
        if name not in self.recorders:
            raise MediaRefusal(f"there is no recorder {name}", "unknown")
        return self.recorders[name]

    def _record_of(self, recorder: str, of: list | None = None) -> dict:
        self._recorder(recorder)["of"] = of
        return {}

    def _record_pause(self, recorder: str) -> dict:
        self._recorder(recorder)["paused"] = True
        return {}

    def _record_resume(self, recorder: str) -> dict:
        self._recorder(recorder)["paused"] = False
        return {}

    def _record_stop(self, recorder: str) -> dict:
        self._recorded(recorder, "stopped")
        return {}

    def _recorded(self, recorder: str, reason: str) -> None:
        found = self.recorders.pop(recorder, None)
        if found is not None and self.connected:
            seconds = self.loop.time() - found["began"]
            self.event(
                {"event": "recorded", "recorder": recorder, "recording": found["recording"],
                 "seconds": seconds, "voice": seconds, "reason": reason}
            )  # fmt: skip

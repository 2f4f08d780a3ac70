"""The media engine: legs, rooms, players and recorders, and the tick that serves them all every 20 ms.

Rules that it keeps:

- One thread. What is done for each leg is as little as can be: a packet in, a packet out; all arithmetic is
  done for all legs at once.
- A tick sends before it does anything that can wait. No tick touches the disk.
- What one leg, player or recorder does wrong ends that one and is logged; the tick goes on.
"""

import heapq
import itertools
import logging
import select
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from ringwall.media.dtmf import Key
from ringwall.media.errors import MediaError
from ringwall.media.files import Files
from ringwall.media.g711 import PCMA, encode_rows
from ringwall.media.jitter import JitterBuffer
from ringwall.media.legs import MOST_DATAGRAM, Leg, Peer
from ringwall.media.mixer import Mixer, Plan, Sound, limited
from ringwall.media.players import Player
from ringwall.media.playout import FRAME, Playout
from ringwall.media.ports import Ports
from ringwall.media.reports import INTERVAL
from ringwall.media.rooms import Room

if TYPE_CHECKING:
    from ringwall.media.recorders import Recorder

log = logging.getLogger(__name__)

MOST_LEGS = 250
_ROUNDS = 4  # datagrams of one leg that are read in one go
_STEP = FRAME // 2  # 10 ms

Tell = Callable[[Leg, dict[str, Any]], None]


class Engine:
    """All that sounds; ``tell`` gets the events of a leg."""

    def __init__(self, ports: Ports, files: Files, *, silent_seconds: float = 15.0) -> None:
        self._ports = ports
        self.files = files
        self.tell: Tell = lambda _leg, _event: None
        self._silent = round(silent_seconds * 8000)
        self._free = list(range(MOST_LEGS))
        self._poll = select.epoll()
        self._by_descriptor: dict[int, Leg] = {}
        self._even: list[Leg] = []  # packets of 20 ms
        self._other: list[Leg] = []
        self._reporting: list[tuple[float, int, Leg]] = []
        self._count = itertools.count()
        self.playout = Playout(MOST_LEGS)
        self._mixer = Mixer()
        self._dirty = False
        self._played: list[Room] = []
        self._rows = 0
        self._said: Sound = np.zeros((MOST_LEGS + 1, FRAME), np.float32)
        self._laws = np.zeros((MOST_LEGS, 1), np.uint32)
        self.legs: set[Leg] = set()
        self.rooms: set[Room] = set()
        self.players: set[Player] = set()
        self.recorders: set[Recorder] = set()
        self.skipped = 0
        """Ticks for which the process got no time."""

    # What the control side asks for.

    def open_leg(self, name: str) -> Leg:
        """Return a new leg with a port of its own; MediaError when there is no room for it."""
        if not self._free:
            raise MediaError(f"This server serves {MOST_LEGS} legs and no more.", code="full")
        used = self._ports.open()
        row = heapq.heappop(self._free)
        self.playout.clear(row)
        self._laws[row] = 0
        leg = Leg(name, row, used, JitterBuffer(self.playout.row(row)), self.playout.clock)
        self.legs.add(leg)
        self._rows = max(self._rows, row + 1)
        return leg

    def connect_leg(self, leg: Leg, peer: Peer) -> None:
        """Let a leg speak and hear; MediaError when its relay cannot be reached at all."""
        first = leg.peer is None
        try:
            leg.connect(peer)
        except OSError as error:
            raise MediaError(f"{peer.host} cannot be reached: {error.strerror}.") from None
        self._laws[leg.row] = 65536 if peer.payload == PCMA else 0
        for group in (self._even, self._other):
            if leg in group:
                group.remove(leg)
        (self._even if peer.ptime == 20 else self._other).append(leg)
        if first:
            leg.opened = self.playout.clock
            descriptor = leg.socket.fileno()
            self._by_descriptor[descriptor] = leg
            self._poll.register(descriptor, select.EPOLLIN)
            # Spread over the interval by the row, so that not all report in one tick.
            due = time.monotonic() + 1 + INTERVAL * leg.row / MOST_LEGS
            heapq.heappush(self._reporting, (due, next(self._count), leg))

    def close_leg(self, leg: Leg) -> dict[str, Any]:
        """End a leg and what depends on it; returns its counters."""
        for player in [player for player in self.players if player.target is leg]:
            player.drop("gone")
        for recorder in [recorder for recorder in self.recorders if recorder.target is leg]:
            recorder.stop("gone")
        if leg.room is not None:
            leg.room.remove(leg)
            self._dirty = True
        found = self.stats(leg)
        if leg.peer is not None:
            leg.report(time.time(), goodbye=True)
            self._poll.unregister(leg.socket.fileno())
            del self._by_descriptor[leg.socket.fileno()]
            (self._even if leg.peer.ptime == 20 else self._other).remove(leg)
        self._ports.close(leg.socket)
        self.legs.discard(leg)
        leg.peer = None
        heapq.heappush(self._free, leg.row)
        return found

    def stats(self, leg: Leg) -> dict[str, Any]:
        """Return the counters of a leg."""
        return leg.stats(self.playout.clock, int(self.playout.concealed[leg.row]))

    def set_room(self, room: Room, legs: list[Leg], gains: Sound) -> None:
        """Give a room its legs and its matrix."""
        room.set(legs, gains)
        self.rooms.add(room)
        self._dirty = True

    def close_room(self, room: Room) -> None:
        """End a room; its legs hear nothing then."""
        for player in [player for player in self.players if player.target is room]:
            player.drop("gone")
        for recorder in [recorder for recorder in self.recorders if recorder.target is room]:
            recorder.stop("gone")
        room.set([], room.gains[:0, :0])
        self.rooms.discard(room)
        self._dirty = True

    # The clock.

    def drain(self, now: int) -> None:
        """Read what has come; ``now`` is in samples, at most the playout's clock."""
        if not self._by_descriptor:
            return
        clock = self.playout.clock
        seconds = time.time()
        for _ in range(_ROUNDS):
            ready = self._poll.poll(0, MOST_LEGS)
            if not ready:
                return
            for descriptor, _event in ready:
                leg = self._by_descriptor[descriptor]
                try:
                    data = leg.socket.recv(MOST_DATAGRAM)
                except OSError:
                    continue  # an ICMP message about what we sent
                for key in leg.receive(data, clock, now, seconds):
                    self._tell_key(leg, key)

    def tick(self) -> None:
        """Play, mix and send 20 ms."""
        rows = self._rows
        if not rows and not self._dirty:
            self.playout.clock += FRAME
            return
        if self._dirty:
            self._dirty = False
            self._mixer.change(
                Plan(([leg.row for leg in room.legs], room.gains) for room in self.rooms if room.legs)
            )
        said = self._said[: rows + 1]
        said[:rows] = self.playout.tick(rows)
        said[rows] = 0
        heard = self._mixer.mix(said)
        for room in self._played:
            room.played = None
        self._played.clear()
        for player in tuple(self.players):
            self._play(player, heard)
        codes = encode_rows(limited(heard[:rows]), self._laws[:rows])
        for leg in self._even:
            at = leg.row * FRAME
            leg.send(codes[at : at + FRAME])
        for leg in self._other:
            at = leg.row * FRAME
            leg.outgoing += codes[at : at + FRAME]
        if self._other:
            self.step()
        if self.recorders:
            self._record(said)

    def step(self) -> None:
        """Send what is due every 10 ms: packets that are not of 20 ms. Between two ticks, and in each."""
        for leg in self._other:
            leg.steps -= 1
            assert leg.peer is not None
            count = leg.peer.ptime * 8
            if leg.steps <= 0 and len(leg.outgoing) >= count:
                leg.steps = leg.peer.ptime // 10
                leg.send(bytes(leg.outgoing[:count]))
                del leg.outgoing[:count]

    @property
    def steps_between(self) -> bool:
        """Say whether any leg sends between two ticks."""
        return bool(self._other)

    def _play(self, player: Player, heard: Sound) -> None:
        try:
            sound = player.take()
        except Exception as error:
            log.exception("The player %s failed", player.name)
            player.why = f"{type(error).__name__}"
            player.drop("failed")
            return
        if sound is None:
            return
        target = player.target
        if isinstance(target, Leg):
            heard[target.row] += sound
        elif player.only is not None:
            rows = [leg.row for leg in player.only if leg.room is target]
            heard[rows] += sound
        else:
            heard[[leg.row for leg in target.legs]] += sound
            target.played = sound if target.played is None else target.played + sound
            self._played.append(target)

    def _record(self, said: Sound) -> None:
        for recorder in tuple(self.recorders):
            target = recorder.target
            if isinstance(target, Leg):
                sound = said[target.row]
            else:
                of = recorder.of
                sound = said[[leg.row for leg in target.legs if of is None or leg.name in of]].sum(0)
                if target.played is not None:
                    sound = sound + target.played
            try:
                recorder.tick(sound)
            except Exception as error:
                log.exception("The recorder %s failed", recorder.name)
                recorder.why = str(error)
                recorder.stop("failed")

    def housekeeping(self) -> None:
        """Do what may wait a little: files, reports, keys whose end was lost, legs that are silent."""
        self.files.collect()
        now, seconds, clock = time.monotonic(), time.time(), self.playout.clock
        while self._reporting and self._reporting[0][0] <= now:
            due, _, leg = heapq.heappop(self._reporting)
            if leg.peer is not None:
                leg.report(seconds)
                heapq.heappush(self._reporting, (due + INTERVAL, next(self._count), leg))
        if not self._dirty and self._mixer.settled:
            self._rows = max((leg.row + 1 for leg in self.legs), default=0)
        for leg in self._by_descriptor.values():
            for key in leg.keys.idle(seconds):
                self._tell_key(leg, key)
            self._watch(leg, clock)

    def _tell_key(self, leg: Leg, key: Key) -> None:
        self.tell(leg, {"event": "dtmf", "leg": leg.name, "key": key.key, "ms": key.ms})

    def _watch(self, leg: Leg, clock: int) -> None:
        since = clock - (leg.opened if leg.heard is None else max(leg.heard, leg.opened))
        if since < FRAME * 2 and leg.told_silent:
            leg.told_silent = 0
            self.tell(leg, {"event": "silent", "leg": leg.name, "seconds": 0})
        elif since >= self._silent * (leg.told_silent + 1):
            leg.told_silent = since // self._silent
            self.tell(leg, {"event": "silent", "leg": leg.name, "seconds": since // 8000})

    def skip(self, ticks: int) -> None:
        """Pass over ticks for which the process got no time; timestamps go on as the time does."""
        self.skipped += ticks
        self.playout.skip(ticks)
        for leg in self._by_descriptor.values():
            leg.timestamp = (leg.timestamp + ticks * FRAME) & 0xFFFFFFFF
            leg.buffer.skip(self.playout.clock)

    def close(self) -> None:
        """End everything, and let the recorders finish."""
        for leg in tuple(self.legs):
            with suppress(OSError):
                self.close_leg(leg)
        for room in tuple(self.rooms):
            self.close_room(room)
        self._poll.close()

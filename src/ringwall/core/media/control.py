"""What the core has at its media servers, and the operations on it, typed (docs/media-control.md).

Rules that this module keeps:
- Every leg that is asked for is in the table first and stays there until it is closed; what a server has
  beyond the table when the link comes up is closed, what it lacks is told to `on_lost`.
- Legs are bounded, in all and for each party, and outside callers never take the last of them.
- A room lies on one server; so do all legs that are to hear one another.
- A server that has been away for more than a moment is told to `on_away`: those who can do without it need
  not wait until it is back. What else was there is looked at when it is (`on_lost`).
- What is closed while a server is away is gone with the table: the next list finds it.
"""

import asyncio
import base64
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from ringwall.core.media.ends import Ended, Ends
from ringwall.core.media.errors import MediaAway, MediaError, MediaFull
from ringwall.core.media.items import Item, written
from ringwall.core.media.values import Answer, Link, Listener, Place, Player, Wiring, names, strangers

log = logging.getLogger(__name__)

MOST_OF_ONE: Final = 24
"""Legs that one party (a user, a phone without one, a trunk) may have at one time."""
FOR_INSIDERS: Final = 0.2
"""The share of all legs that callers from outside never get."""

AWAY_SECONDS: Final = 1.0

Matrix = Mapping[str, Mapping[str, float]]


@dataclass(slots=True)
class _Held:
    server: int
    party: str
    outside: bool
    listener: Listener | None = None
    lost: bool = False  # the server does not know it any more


class Media:
    """The media servers of this core. Numbers of servers begin with 1."""

    def __init__(self, links: Sequence[Link] = ()) -> None:
        self._links = dict(enumerate(links, 1))
        self._legs: dict[str, _Held] = {}
        self._most: dict[int, int] = {}
        self.ends = Ends()
        self._missing: dict[int, list[str]] = {}  # what a server that has just come back does not have
        self._recording: dict[int, list[str]] = {}  # the recorders that it has
        self._numbers = count(1)
        self.on_lost: Callable[[list[str]], None] = lambda _legs: None
        self.on_away: Callable[[list[str]], None] = lambda _legs: None
        for number, link in self._links.items():
            link.event = lambda event, number=number: self._event(number, event)  # type: ignore[misc]
            link.settled = lambda hello, found, number=number: self._settled(number, hello, found)  # type: ignore[misc]
            link.after = lambda number=number: self._after(number)  # type: ignore[misc]
            link.down = lambda number=number: self._down(number)  # type: ignore[misc]

    # Which legs there are

    @property
    def up(self) -> bool:
        """Whether there is a server to be had."""
        return any(link.up for link in self._links.values())

    def describe(self) -> list[dict[str, Any]]:
        """What an administrator sees of the servers."""
        return [
            {"server": n, "up": link.up, "legs": self._on(n), "most_legs": self._most.get(n, 0)}
            for n, link in self._links.items()
        ]

    def choose(self, room: Iterable[str] = ()) -> int:
        """The server for a new leg: that of its room, else the emptiest. Raises MediaAway."""
        for leg in room:
            if leg in self._legs:
                return self._legs[leg].server
        there = [number for number, link in self._links.items() if link.up]
        if not there:
            raise MediaAway("no media server is there")
        return min(there, key=self._on)

    async def open(self, leg: str, party: str, server: int, *, outside: bool = False) -> Place:
        """Have a leg, for a party by whatever name it is counted. Raises MediaError."""
        held = self._legs.get(leg)
        if held is None:
            self._admit(party, server, outside=outside)
            self._legs[leg] = _Held(server, party, outside)
        elif held.server != server:
            self._tell(held.server, "leg.close", leg=leg)
            held.server = server
        try:
            answer = await self._link(server).call("leg.open", leg=leg)
            if held is not None:
                held.lost = False
            return Place(str(answer["address"]), int(answer["port"]))
        except (KeyError, TypeError, ValueError):
            raise MediaAway("the media server's answer cannot be read") from None
        except MediaError:
            if held is None:
                self.close(leg)
            raise

    def adopt(self, leg: str, party: str, server: int, *, outside: bool = False) -> None:
        """A leg of the process before this one is ours."""
        there = server if server in self._links else next(iter(self._links), server)
        self._legs[leg] = _Held(there, party, outside)

    def _admit(self, party: str, server: int, *, outside: bool) -> None:
        most = self._most.get(server, 0)
        if outside:
            most = int(most * (1 - FOR_INSIDERS))
        if self._on(server) >= most:
            raise MediaFull("the media server has no leg left")
        # A trunk has as many as its own limit of calls lets in.
        if not outside and sum(held.party == party for held in self._legs.values()) >= MOST_OF_ONE:
            raise MediaFull(f"{party} has as many legs at the media server as anybody may have")

    def _on(self, server: int) -> int:
        return sum(held.server == server for held in self._legs.values())

    async def connect(self, leg: str, wiring: Wiring) -> None:
        """Join the leg to its relay; also again. Raises MediaError."""
        await self._of(leg).call(
            "leg.connect",
            leg=leg,
            host=wiring.host,
            port=wiring.port,
            suite=wiring.suite,
            send_key=wiring.send_key,
            receive_key=wiring.receive_key,
            payload=wiring.payload,
            dtmf=wiring.dtmf,
            ptime=wiring.ptime,
        )

    def close(self, leg: str) -> None:
        """The leg is over."""
        held = self._legs.pop(leg, None)
        if held is not None:
            self._tell(held.server, "leg.close", leg=leg)
            self.ends.legs_gone([leg], players_only=True)  # a recorder says itself what it has kept

    def has(self, leg: str) -> bool:
        """Whether the leg is open at its server, as far as is known."""
        held = self._legs.get(leg)
        return held is not None and not held.lost

    def listen(self, leg: str, listener: Listener | None) -> None:
        """Tell this listener, and no other one, what the leg's party does."""
        if leg in self._legs:
            self._legs[leg].listener = listener

    def pressed(self, leg: str, key: str) -> bool:
        """The party has pressed a key and said so by other means; False where nobody listens."""
        held = self._legs.get(leg)
        if held is None or held.listener is None:
            return False
        held.listener.pressed(key)
        return True

    def press(self, leg: str, key: str) -> None:
        """Let the party of a leg have a key, as a telephone event."""
        if leg in self._legs:
            self._tell(self._legs[leg].server, "leg.press", leg=leg, key=key)

    def _of(self, leg: str) -> Link:
        held = self._legs.get(leg)
        if held is None:
            raise MediaAway("the leg is closed")
        return self._link(held.server)

    def _server_of(self, leg: str) -> int:
        held = self._legs.get(leg)
        return held.server if held is not None else 0

    def _link(self, server: int) -> Link:
        link = self._links.get(server)
        if link is None:
            raise MediaAway(f"there is no media server {server} any more")
        return link

    def _tell(self, server: int, op: str, **fields: Any) -> None:
        if server in self._links:
            self._links[server].tell(op, **fields)

    # Rooms

    async def set_room(self, room: str, hears: Matrix) -> None:
        """Who hears whom in a room, as a whole: listener, speaker, gain. Raises MediaError.

        Every leg of the room is a key of `hears`.
        """
        if hears:
            await self._of(next(iter(hears))).call("room.set", room=room, legs=list(hears), hears=hears)

    def close_room(self, room: str, server: int) -> None:
        """The room is over; its legs are not."""
        self._tell(server, "room.close", room=room)

    # Players and recorders

    async def play(
        self,
        items: Sequence[Item],
        *,
        leg: str,
        room: str = "",
        only: Sequence[str] = (),
        country: str = "US",
        loop: bool = False,
        gain: float = 1.0,
        then: Ended | None = None,
    ) -> Player:
        """Play to a leg; to its room, or `only` some of it, if that is named.

        `then` gets the event at the end. Raises MediaError.
        """
        player = f"p{next(self._numbers)}.{leg}"
        fields: dict[str, Any] = {"room": room, "only": list(only) or None} if room else {"leg": leg}
        self.ends.expect(player, self._server_of(leg), then)
        try:
            answer = await self._of(leg).call(
                "play",
                player=player,
                items=[written(item, country) for item in items],
                loop=loop,
                gain=gain,
                **{name: value for name, value in fields.items() if value is not None},
            )
        except MediaError:
            self.ends.forget(player)
            raise
        seconds = answer.get("seconds")
        return Player(player, float(seconds) if isinstance(seconds, int | float) else None)

    def stop(self, player: str) -> None:
        """End a player; its event still comes."""
        held = self._legs.get(player.partition(".")[2])
        if held is not None:
            self._tell(held.server, "stop", player=player)

    async def record(
        self,
        recording: str,
        key: bytes,
        *,
        leg: str,
        room: str = "",
        most: float,
        silence: float = 0.0,
        of: Sequence[str] = (),
        then: Ended,
    ) -> str:
        """Record a leg, or its room if that is named, to a sealed file. Returns the recorder's name.

        `of` names the legs of the room that are recorded; empty: all.
        `then` gets the event when the file is closed. Raises MediaError.
        """
        recorder = f"r{next(self._numbers)}.{leg}"
        self.ends.expect(recorder, self._server_of(leg), then)
        try:
            await self._of(leg).call(
                "record",
                recorder=recorder,
                recording=recording,
                key=base64.b64encode(key).decode(),
                most=most,
                silence=silence,
                **({"room": room} if room else {"leg": leg}),
                **({"of": list(of)} if of else {}),
            )
        except MediaError:
            self.ends.forget(recorder)
            raise
        return recorder

    async def recorder(self, recorder: str, what: str, **fields: Any) -> None:
        """Pause, resume or stop a recorder, or say whom it records (`of`). Raises MediaError."""
        await self._of(recorder.partition(".")[2]).call(f"record.{what}", recorder=recorder, **fields)

    async def ask(self, op: str, **fields: Any) -> Answer:
        """Ask any server that is there for something that belongs to no leg. Raises MediaError."""
        return await self._link(self.choose()).call(op, **fields)

    # What the servers say

    def _settled(self, number: int, hello: Answer, found: Answer) -> list[dict[str, Any]]:
        most = hello.get("most_legs")
        self._most[number] = most if isinstance(most, int) else 0
        there = names(found, "legs", "leg")
        ours = {leg for leg, held in self._legs.items() if held.server == number}
        self._missing[number] = [leg for leg in ours if leg not in there]
        self._recording[number] = names(found, "recorders", "recorder")
        return strangers(found, ours, self.ends)

    def _down(self, number: int) -> None:
        asyncio.get_running_loop().call_later(AWAY_SECONDS, self._away, number)

    def _away(self, number: int) -> None:
        if not self._links[number].up:
            self.on_away([leg for leg, held in self._legs.items() if held.server == number])

    def _after(self, number: int) -> None:
        self._lost(self._missing.pop(number, []))
        self.ends.server_has(number, self._recording.pop(number, []))

    def _lost(self, legs: list[str]) -> None:
        """A server does not have these any more, nor what was played to them."""
        self.ends.legs_gone(legs)
        for leg in legs:
            if leg in self._legs:
                self._legs[leg].lost = True
        if legs:
            self.on_lost(legs)

    def _event(self, number: int, event: Answer) -> None:
        try:
            self._heard(number, event)
        except Exception:
            log.exception("an event of the media server could not be dealt with")

    def _heard(self, number: int, event: Answer) -> None:
        kind, leg = event.get("event"), str(event.get("leg", ""))
        held = self._legs.get(leg)
        if kind in {"played", "recorded"}:
            name = str(event.get("player") or event.get("recorder") or "")
            self.ends.over(name, event)
        elif held is None or held.server != number:
            return
        elif kind == "dtmf" and held.listener is not None:
            held.listener.pressed(str(event.get("key", ""))[:1])
        elif kind == "silent" and held.listener is not None:
            held.listener.silent(float(event.get("seconds", 0)))
        elif kind == "leg.ended" and event.get("why") != "stopping":
            self._lost([leg])

"""Who is told when a player or a recorder ends: each once, whatever becomes of the server.

Rules that this module keeps:
- A name is `p` or `r`, a number, a dot and the leg; players end with their leg, recorders say themselves what
  they have kept.
- A server that comes back without a recorder has ended it, also when its leg was closed meanwhile.
"""

from collections.abc import Callable, Iterable
from typing import Final

from ringwall.core.media.values import Answer

Ended = Callable[[Answer], None]

_GONE: Final[Answer] = {"reason": "gone"}


class Ends:
    """The players and recorders of all servers, by name."""

    def __init__(self) -> None:
        self._told: dict[str, Ended | None] = {}
        self._servers: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._told)

    def __contains__(self, name: object) -> bool:
        return name in self._told

    def expect(self, name: str, server: int, told: Ended | None) -> None:
        """It plays or records at that server from now on."""
        self._told[name], self._servers[name] = told, server

    def forget(self, name: str) -> None:
        """It has not begun."""
        self._told.pop(name, None)
        self._servers.pop(name, None)

    def over(self, name: str, event: Answer) -> None:
        """It has ended."""
        told = self._told.get(name)
        self.forget(name)
        if told is not None:
            told(event)

    def legs_gone(self, legs: Iterable[str], *, players_only: bool = False) -> None:
        """These legs are over."""
        for name in list(self._told):
            if name.partition(".")[2] in legs and (name[0] == "p" or not players_only):
                self.over(name, dict(_GONE))

    def server_has(self, server: int, recorders: Iterable[str]) -> None:
        """A server has come back, and has these recorders alone."""
        there = set(recorders)
        for name in [name for name, on in self._servers.items() if on == server]:
            if name[0] == "r" and name not in there:
                self.over(name, dict(_GONE))

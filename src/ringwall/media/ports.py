"""UDP ports for legs: even ones, given again only after a while.

A port that was closed rests: late packets of the call that had it must not meet the next one, and a relay
that still sends there is refused by SRTP anyway.
"""

import socket
import time
from collections import deque
from collections.abc import Callable

from ringwall.media.errors import MediaError

QUARANTINE_SECONDS = 30.0
_RECEIVE_BYTES = 65_536  # some 200 packets, or two seconds of a leg


class Ports:
    """The ports from ``first`` to ``last`` on one address, for one process."""

    def __init__(
        self, address: str, first: int, last: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.address = address
        self._free = deque(range(first + first % 2, last + 1, 2))
        self._resting: deque[tuple[float, int]] = deque()
        self._clock = clock

    def open(self) -> socket.socket:
        """Return a bound socket that does not block; MediaError when every port is in use or resting."""
        now = self._clock()
        while self._resting and self._resting[0][0] <= now:
            self._free.append(self._resting.popleft()[1])
        for _ in range(len(self._free)):
            port = self._free.popleft()
            made = socket.socket(
                socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
            )
            try:
                made.bind((self.address, port))
            except OSError:
                # Somebody else has it: it goes to the end of the queue.
                made.close()
                self._free.append(port)
                continue
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
            made.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0xB8)  # EF: RFC 4594
            return made
        raise MediaError("No media port is free on this server.", code="full")

    def close(self, used: socket.socket) -> None:
        """Close a socket and let its port rest."""
        port = used.getsockname()[1]
        used.close()
        self._resting.append((self._clock() + QUARANTINE_SECONDS, port))

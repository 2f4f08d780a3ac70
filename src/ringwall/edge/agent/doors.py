"""What HAProxy says of connections that end at its doors: who speaks in clear text where TLS is spoken.

Such a connection is closed by the handshake that fails. The core asks now and then what there was.
"""

import asyncio
import re
from typing import Any, Final

MOST_SOURCES: Final = 1000
_LINE: Final = re.compile(
    r"door (sips|https|phones)~? ([0-9a-fA-F.:]{2,45}):\d+ .*:"
    r"(wrong version number|http request|https proxy request)"
)


class Doors(asyncio.DatagramProtocol):
    """Counts who has spoken in clear text since the core asked last; so many sources are told apart."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}
        self._more = 0

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 - asyncio's signature
        """Take a line of the log; one that says something else is passed over."""
        found = _LINE.fullmatch(data.decode(errors="replace").strip())
        if found is None:
            return
        key = found[2], found[1]
        if key in self._counts or len(self._counts) < MOST_SOURCES:
            self._counts[key] = self._counts.get(key, 0) + 1
        else:
            self._more += 1

    async def plain_text(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - an operation's signature
        """Tell who spoke in clear text, at which door and how often, and begin to count anew."""
        counts, more = self._counts, self._more
        self._counts, self._more = {}, 0
        sources = [{"source": key[0], "door": key[1], "times": times} for key, times in counts.items()]
        return {"sources": sources, "more": more}

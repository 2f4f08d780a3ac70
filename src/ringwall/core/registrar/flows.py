"""A flow is one connection of an end point, as the edge names it (RFC 5626).

Rules that this module keeps:
- A flow is known only from the edge's own header; the edge removes that header from everything that comes
  from outside, so what it says is the edge's word, never the end point's.
- The name of a flow carries the edge's connection number as well as address and port: a port that is used
  again by another connection is another flow.
"""

from dataclasses import dataclass

from ringwall.sip.errors import ParseError

FLOW_HEADER = "P-Ringwall-Flow"
EVENT_HEADER = "P-Ringwall-Event"
DEVICE_HEADER = "P-Ringwall-Device"
"""In the answer to a REGISTER, and for the edge alone: as which device the flow may speak from now on."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One connection between an end point and an edge.

    `peer` is "address:port" as the outer wall sees it, `transport` is "tls" or "wss", `number` the edge's
    connection number, unique for the life of that edge process.
    """

    peer: str
    transport: str
    number: str

    @classmethod
    def parse(cls, text: str | None) -> "Flow":
        """Read the edge's header, "address:port;proto=tls;id=17". Raises ParseError 400 if missing or odd."""
        if text is None:
            raise ParseError(400, "the edge did not say which connection this came from")
        peer, proto, number = "", "", ""
        for place, part in enumerate(text.split(";")):
            if place == 0:
                peer = part.strip()
            elif part.startswith("proto="):
                proto = part[6:]
            elif part.startswith("id="):
                number = part[3:]
        if not peer or not number or len(text) > 200:
            raise ParseError(400, "the edge's name of the connection is not complete")
        return cls(peer, proto, number)

    @property
    def source(self) -> str:
        """The end point's address without its port."""
        return self.peer.rpartition(":")[0].strip("[]")

    def __str__(self) -> str:
        return f"{self.peer};proto={self.transport};id={self.number}"

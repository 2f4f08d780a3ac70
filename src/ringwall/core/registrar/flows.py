"""A flow is one connection of an end point, as the edge names it (RFC 5626).

Rules that this module keeps:
- A flow is known only from the edge's own header; the edge removes that header from everything that comes
  from outside, so what it says is the edge's word, never the end point's.
- The name of a flow carries the edge's connection number as well as address and port: a port that is used
  again by another connection is another flow.
- The edge counts its connections anew with each start, so the name carries a random number of that start
  too: no flow has the name of another one, ever.
"""

import re
from dataclasses import dataclass

from ringwall.sip.errors import ParseError

FLOW_HEADER = "P-Ringwall-Flow"
EVENT_HEADER = "P-Ringwall-Event"
DEVICE_HEADER = "P-Ringwall-Device"
"""In the answer to a REGISTER, and for the edge alone: as which device the flow may speak from now on."""

_NAME = re.compile(
    r"(?P<peer>[0-9A-Fa-f.:\[\]]{3,60});proto=(?P<transport>[a-z]{2,4});id=(?P<number>[0-9]{1,10})"
    r"(?:;run=(?P<run>[0-9a-f]{1,64}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Flow:
    """One connection between an end point and an edge.

    `peer` is "address:port" as the outer wall sees it, `transport` is "tls" or "wss", `number` the edge's
    connection number, unique for the life of that edge process, which `run` names.
    """

    peer: str
    transport: str
    number: str
    run: str

    @classmethod
    def parse(cls, text: str | None) -> "Flow":
        """Read the edge's header, "address:port;proto=tls;id=17;run=9f2c".

        Raises ParseError 400 if it is missing, or anything in it is.
        """
        flow = cls.remembered(text)
        if not flow.run:
            raise ParseError(400, "the edge did not say which run of it this connection belongs to")
        return flow

    @classmethod
    def remembered(cls, text: str | None) -> "Flow":
        """Read a name that was written down, maybe by a version that knew no runs: no connection has it.

        Raises ParseError 400 if it is missing or odd.
        """
        if text is None:
            raise ParseError(400, "the edge did not say which connection this came from")
        found = _NAME.fullmatch(text)
        if found is None:
            raise ParseError(400, "the edge's name of the connection is not complete")
        return cls(found["peer"], found["transport"], found["number"], found["run"] or "")

    @property
    def source(self) -> str:
        """The end point's address without its port."""
        return self.peer.rpartition(":")[0].strip("[]")

    def __str__(self) -> str:
        return f"{self.peer};proto={self.transport};id={self.number};run={self.run}"

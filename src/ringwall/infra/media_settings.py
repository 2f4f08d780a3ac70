"""The settings of the media servers: ``[media]`` in ringwall.toml."""

from typing import Literal, Self

from pydantic import Field, model_validator

from ringwall.infra.ports import LOOPBACK
from ringwall.infra.setting_values import Address, Label, Port, Section

MOST_MEDIA_PROCESSES = 16
LEAST_MEDIA_PORTS = 600
"""For one media server: two for each of its 250 legs, and some that rest."""


class Media(Section):
    """The media servers: conferences, voice mail, prompts, recording."""

    processes: int = Field(default=1, ge=1, le=MOST_MEDIA_PROCESSES)
    """How many run on this host; each serves 250 legs."""
    name: Label = "media1"
    """This host's name in its certificate for the core, where the core is on another host."""
    address: Address | Literal[""] = ""
    """The address at which the relays of the edge reach them; empty: loopback, for an edge on this host."""
    first_port: Port = 18000
    """First port for legs, UDP."""
    last_port: Port = 19999
    """Last port for legs, UDP; the ports are shared out among the processes, and each leg takes two."""
    relays: tuple[Address, ...] = Field(default=(), max_length=50, strict=False)
    """Addresses of the media relays that legs may lead to; empty: `address` of this system."""
    control_port: int = Field(default=0, ge=0, le=65535)
    """Where a core on another host reaches the first process, TCP with TLS; 0: unix sockets only."""
    elsewhere: bool = False
    """Whether they run on another host: the core then reaches them at `address` and `control_port`."""
    silent_seconds: int = Field(default=15, ge=2, le=600)
    """After how long without a packet the core is told that a leg is silent."""

    @model_validator(mode="after")
    def _enough_ports(self) -> Self:
        if self.last_port - self.first_port + 1 < self.processes * LEAST_MEDIA_PORTS:
            raise ValueError(f"first_port to last_port must be {LEAST_MEDIA_PORTS} ports for each process")
        if self.elsewhere and not (self.address and self.control_port):
            raise ValueError("media servers elsewhere need their address and control_port")
        return self

    @property
    def media_address(self) -> str:
        """The address that legs are bound to."""
        return self.address or LOOPBACK

    def ports_of(self, number: int) -> tuple[int, int]:
        """Return the first and the last port of one process; ``number`` counts from 1."""
        share = (self.last_port - self.first_port + 1) // self.processes // 2 * 2
        first = self.first_port + (number - 1) * share
        return first, first + share - 1

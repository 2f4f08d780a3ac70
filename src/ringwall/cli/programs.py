"""Which programs make up a system, under which user and with which rights each of them runs.

This is the one place that knows all zones; they themselves only meet on the wire.
"""

import sys

from ringwall.edge import engines
from ringwall.infra import accounts
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings
from ringwall.infra.supervise import Program
from ringwall.media import realtime

PORT_BELOW_1024 = "net_bind_service"
CORE = "core"
MEDIA = "media"
CERTIFICATES = "certificates"


def programs(layout: Layout, settings: Settings) -> list[Program]:
    """Return the programs of a system on one host, in the order of their start."""
    return [
        Program("rtpengine", accounts.RTPENGINE, tuple(engines.rtpengine_command(layout)), order=10),
        # Kamailio is several processes: what a killed first one leaves behind would hold its ports.
        Program(
            "kamailio", accounts.KAMAILIO, alone(tuple(engines.kamailio_command(layout, settings))), order=20
        ),
        Program("agent", accounts.EDGE, python_module("ringwall.edge.agent", layout), order=30),
        Program(
            "haproxy",
            accounts.HAPROXY,
            tuple(engines.haproxy_command(layout)),
            order=40,
            capabilities=(PORT_BELOW_1024,),
        ),
        *plug_and_play(layout, settings),
        *media_servers(layout, settings),
        # The core says good-bye to its calls and empties its queue of records before it ends.
        Program(CORE, accounts.CORE, python_module("ringwall.core", layout), order=50, stop_seconds=15),
        # Renewal signs with the keys of the authorities: root, but only able to give files their owners.
        Program(
            CERTIFICATES,
            accounts.ROOT,
            python_module("ringwall.edge.watch", layout),
            order=60,
            capabilities=("chown", "dac_override", "fowner"),
        ),
    ]


def plug_and_play(layout: Layout, settings: Settings) -> list[Program]:
    """Return what answers new phones that ask by multicast, unless it is turned off."""
    if not settings.phones.pnp:
        return []
    return [Program("pnp", accounts.PNP, python_module("ringwall.edge.pnp", layout), order=42)]


def media_servers(layout: Layout, settings: Settings) -> list[Program]:
    """Return the media servers: before the core, which dials them; in real time where the host allows it."""
    if settings.media.elsewhere:
        return []
    return [
        Program(
            f"{MEDIA}-{number}",
            accounts.MEDIA,
            (*python_module("ringwall.media", layout), "--number", str(number)),
            order=45,
            # Recorders are finalised first.
            stop_seconds=12,
            realtime=realtime.PRIORITY,
        )
        for number in range(1, settings.media.processes + 1)
    ]


def python_module(module: str, layout: Layout) -> tuple[str, ...]:
    """Return the command that runs one of our own modules on this data directory."""
    return (sys.executable, "-m", module, "--data", str(layout.data))


def alone(command: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command that runs another one after it has ended what a dead process left of it."""
    return (sys.executable, "-m", "ringwall.infra.alone", *command)

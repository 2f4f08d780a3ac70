"""On which ports a system with these settings listens."""

from ringwall.infra import ports
from ringwall.infra.errors import PortTakenError
from ringwall.infra.ports import LOOPBACK, Listener
from ringwall.infra.settings import Settings


def listeners_of(settings: Settings) -> list[Listener]:
    """Return every port that the engines open for listening; media ports are opened call by call."""
    on = settings.ports
    return [
        Listener("sips", "tcp", settings.address, on.sips),
        Listener("https", "tcp", settings.address, on.https),
        Listener("phones", "tcp", settings.address, on.phones),
        Listener("inner", "tcp", LOOPBACK, on.inner),
        Listener("kamailio_phones", "tcp", LOOPBACK, on.kamailio_phones),
        Listener("kamailio_core", "tcp", LOOPBACK, on.kamailio_core),
        Listener("kamailio_ws", "tcp", LOOPBACK, on.kamailio_ws),
        Listener("kamailio_trunks", "tcp", LOOPBACK, on.kamailio_trunks),
        Listener("ng", "udp", LOOPBACK, on.ng),
    ]


def require_free(settings: Settings) -> None:
    """Raise PortTakenError naming the first taken port, its holder and what to do."""
    found = ports.conflicts(listeners_of(settings))
    if found:
        raise PortTakenError(
            f"{found[0]}: stop that program, choose another `{found[0].listener.name}` under [ports] in "
            "ringwall.toml, or start with --free-ports."
        )

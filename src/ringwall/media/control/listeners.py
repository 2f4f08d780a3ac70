"""Where the core finds the media server: a unix socket on its host, TLS 1.3 from another (T4)."""

import os
import socket
import ssl
from pathlib import Path
from typing import Any, Final

from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings

ALPN: Final = "ringwall-media"
"""What a core asks for on a connection over TLS (RFC 7301)."""

_SOCKET_MODE = 0o660
_BACKLOG = 8


def unix_listener(path: Path) -> socket.socket:
    """Return the listening unix socket, in place of what a dead process left; OSError."""
    path.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.bind(str(path))
    # Before it listens, nobody can connect.
    os.chmod(path, _SOCKET_MODE)  # noqa: PTH101 - beside the bind that made it
    made.listen(_BACKLOG)
    return made


class TlsListener:
    """A TCP listener for cores; certificates are read anew when their files changed."""

    def __init__(self, layout: Layout, settings: Settings, process: int) -> None:
        """Listen. OSError when the port is taken."""
        self._layout = layout
        self._core = settings.core_host
        self._context: ssl.SSLContext | None = None
        self._loaded: tuple[tuple[int, int], ...] = ()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        port = settings.media.control_port + process - 1
        self.socket.bind((settings.media.media_address, port))
        self.socket.listen(_BACKLOG)

    def wrap(self, used: socket.socket) -> socket.socket:
        """Return the connection with its TLS handshake still to do; OSError when no certificate is there."""
        used.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._current().wrap_socket(used, server_side=True, do_handshake_on_connect=False)

    def check(self, used: socket.socket) -> str:
        """Return why a client is no core of ours, or an empty text."""
        assert isinstance(used, ssl.SSLSocket)
        if used.selected_alpn_protocol() != ALPN:
            return f"it does not speak {ALPN}"
        shown: Any = used.getpeercert() or {}
        names = [value for kind, value in shown.get("subjectAltName", ()) if kind == "DNS"]
        return (
            "" if self._core in names else f"its certificate is for {', '.join(map(str, names)) or 'nobody'}"
        )

    def _current(self) -> ssl.SSLContext:
        files = (self._layout.media_certificate, self._layout.media_key, self._layout.media_ca)
        states = tuple((state.st_ino, state.st_mtime_ns) for state in (path.stat() for path in files))
        if self._context is None or states != self._loaded:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cafile=files[2])
            context.load_cert_chain(files[0], files[1])
            context.set_alpn_protocols([ALPN])
            context.num_tickets = 0
            self._context, self._loaded = context, states
        return self._context

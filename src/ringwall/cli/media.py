"""Asking a media server on this host how it is doing."""

import json
import socket
from typing import Any

from ringwall.infra.errors import FrameError, UnavailableError
from ringwall.infra.frames import FrameReader, Kind, encode
from ringwall.infra.layout import Layout

_SECONDS = 3.0


def status(layout: Layout, number: int) -> dict[str, Any]:
    """Return what a media server says of itself; UnavailableError when it does not answer."""
    path = layout.media_socket(number)
    reader = FrameReader()
    try:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(_SECONDS)
            link.connect(str(path))
            link.sendall(encode(Kind.CALL, 1, b'{"op":"status"}'))
            while data := link.recv(65536):
                for frame in reader.feed(data):
                    answer = json.loads(frame.payload)
                    if isinstance(answer, dict) and answer.pop("ok", False):
                        return answer
                    raise UnavailableError(f"Media server {number} does not say how it is doing.")
    except (OSError, FrameError, ValueError):
        pass
    raise UnavailableError(f"Media server {number} does not answer at {path}.")

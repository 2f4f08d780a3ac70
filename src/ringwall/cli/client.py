"""Asks the running core over its control socket: one JSON object a line, ``{"op", "args"}``.

The answer is ``{"ok": true, "result": ...}`` or ``{"ok": false, "error": {"code", "message", "field"}}``.
"""

import json
import socket
from collections.abc import Mapping
from typing import Any

from ringwall.infra.errors import RefusedError, UnavailableError
from ringwall.infra.layout import Layout

ANSWER_LIMIT = 64 * 1024 * 1024
_CHUNK = 65_536


def ask(
    layout: Layout, operation: str, arguments: Mapping[str, Any] | None = None, *, timeout: float = 30.0
) -> Any:
    """Return the result of an operation of the core.

    Raises UnavailableError when no core answers within ``timeout`` seconds and RefusedError when it says no.
    """
    question = (
        json.dumps({"op": operation, "args": dict(arguments or {})}, ensure_ascii=False).encode() + b"\n"
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(str(layout.core_socket))
            connection.sendall(question)
            answer = _read_line(connection)
        except PermissionError:
            raise UnavailableError("Only root may ask the running system: use ./ringwall.") from None
        except TimeoutError:
            raise UnavailableError(
                f"The core of {layout.data} does not answer: see {layout.log}/core.log."
            ) from None
        except OSError:
            raise UnavailableError(
                f"No system answers on {layout.data}: `./ringwall up` starts one, --data names another."
            ) from None
    return _result(answer)


def _read_line(connection: socket.socket) -> bytes:
    parts = bytearray()
    while not parts.endswith(b"\n"):
        chunk = connection.recv(_CHUNK)
        if not chunk or len(parts) > ANSWER_LIMIT:
            raise ConnectionError("the answer was cut off")
        parts += chunk
    return bytes(parts)


def _result(answer: bytes) -> Any:
    try:
        told = json.loads(answer)
        if told["ok"]:
            return told["result"]
        error = told["error"]
        refusal = RefusedError(str(error["message"]), code=str(error["code"]), field=error.get("field"))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UnavailableError("The core gave an answer that cannot be understood: see its log.") from None
    raise refusal

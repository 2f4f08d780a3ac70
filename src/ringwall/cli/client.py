"""Asks the running core over its control socket: one JSON object a line, ``{"op", "args"}``.

The answer is ``{"ok": true, "result": ...}`` or ``{"ok": false, "error": {"code", "message", "field"}}``.
With a page of a list comes the ``cursor`` that asks for the next one.
"""

import json
import socket
from collections.abc import Mapping
from typing import Any

from ringwall.infra.errors import RefusedError, UnavailableError
from ringwall.infra.layout import Layout

ANSWER_LIMIT = 64 * 1024 * 1024
LARGEST_PAGE = 10_000
_CHUNK = 65_536


def ask(
    layout: Layout, operation: str, arguments: Mapping[str, Any] | None = None, *, timeout: float = 30.0
) -> Any:
    """Return the result of an operation of the core, a list as a whole unless ``arguments`` have a ``limit``.

    Raises UnavailableError when no core answers within ``timeout`` seconds and RefusedError when it says no.
    """
    asked = dict(arguments or {})
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(str(layout.core_socket))
            told = _told(connection, operation, asked)
            result = told["result"]
            while "limit" not in asked and told.get("cursor") is not None:
                more = {**asked, "limit": LARGEST_PAGE, "cursor": told["cursor"]}
                told = _told(connection, operation, more)
                result = [*result, *told["result"]]
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
    return result


def _told(connection: socket.socket, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the core answers; raise RefusedError where it says no."""
    question = json.dumps({"op": operation, "args": arguments}, ensure_ascii=False).encode()
    connection.sendall(question + b"\n")
    return _checked(_read_line(connection))


def _read_line(connection: socket.socket) -> bytes:
    parts = bytearray()
    while not parts.endswith(b"\n"):
        chunk = connection.recv(_CHUNK)
        if not chunk or len(parts) > ANSWER_LIMIT:
            raise ConnectionError("the answer was cut off")
        parts += chunk
    return bytes(parts)


def _checked(answer: bytes) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(answer)
        if told["ok"] and "result" in told:
            return told
        error = told["error"]
        refusal = RefusedError(str(error["message"]), code=str(error["code"]), field=error.get("field"))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UnavailableError("The core gave an answer that cannot be understood: see its log.") from None
    raise refusal

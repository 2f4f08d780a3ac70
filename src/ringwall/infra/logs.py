"""Logs as JSON lines, without secrets.

One record is one line: ``at`` (RFC 3339, UTC, microseconds), ``level``, ``program``, ``logger``,
``message`` and any ``extra`` field. What looks like a secret is cut out of every text before it is written,
whoever logged it: a key of SRTP, what proves a login, a password, a token. The filter is a net below the
rule, not the rule: nothing logs a secret on purpose.
"""

import json
import logging
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

REMOVED = "[removed]"
_MAX_TEXT = 16_384
_MAX_DEPTH = 6

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

# How long a password lasts is a setting, and the record of a change has to say it.
_SECRET_NAME = re.compile(
    r"passw(?:or)?d(?!_(?:lifespan|warning)\Z)|passphrase|secret|token|authorization|cookie|private_?key|^ha1|^key$|_key$|crypto|inline"
    r"|cnonce|^pin$",
    re.IGNORECASE,
)

# The value of a header in a message that was logged raw or as repr(): the rest of the line, folded lines too.
_LINE = r"(?:(?!\\r|\\n)[^\r\n])*(?:(?:\r?\n|(?:\\r)?\\n)[ \t]+(?:(?!\\r|\\n)[^\r\n])*)*"
_VALUE = r"(?:\\?\"(?:[^\"\\]|\\(?!\"))*\\?\"|'[^']*'|[^\s,;&}\]\"']+)"

_PATTERNS = (
    # SDES keys (RFC 4568, 9.2), with or without lifetime and MKI.
    (re.compile(r"(inline:)[A-Za-z0-9+/=_|:^-]+", re.IGNORECASE), rf"\1{REMOVED}"),
    (
        re.compile(
            rf"((?:proxy-)?authorization|cookie|set-cookie|p-ringwall-link)(['\"]?\s*[:=,]\s*){_LINE}",
            re.IGNORECASE,
        ),
        rf"\1\2{REMOVED}",
    ),
    (re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE), rf"\1 {REMOVED}"),
    (
        re.compile(
            rf"\b([a-z0-9_-]*(?:passw(?:or)?d|passphrase|secret|token|ha1|cnonce)[a-z0-9_]*)"
            rf"(\\?['\"]?\s*[:=]\s*){_VALUE}",
            re.IGNORECASE,
        ),
        rf"\1\2{REMOVED}",
    ),
    # The proof of a digest login (RFC 7616, 3.4.1): an offline guess of the password starts from it.
    (re.compile(r"\b(response\s*=\s*)\\?\"?[0-9a-f]{32,64}\\?\"?", re.IGNORECASE), rf"\1{REMOVED}"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*KEY-----|\Z)", re.DOTALL), REMOVED),
)


def redact(text: str) -> str:
    """Return ``text`` without anything that looks like a secret; it is cut at 16 Ki characters."""
    if len(text) > _MAX_TEXT:
        text = text[:_MAX_TEXT] + "..."
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def redact_value(name: str, value: object, depth: int = 0) -> object:
    """Return a field's value fit for JSON and without secrets; a field with a secret's name is emptied."""
    if _SECRET_NAME.search(name) and value is not None and not isinstance(value, bool):
        return REMOVED
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return redact(value)
        case bytes() | bytearray():
            return redact(bytes(value[:_MAX_TEXT]).decode("utf-8", "backslashreplace"))
        case Mapping() if depth < _MAX_DEPTH:
            return {str(key): redact_value(str(key), item, depth + 1) for key, item in value.items()}
        case list() | tuple() | set() | frozenset() if depth < _MAX_DEPTH:
            return [redact_value("", item, depth + 1) for item in value]
        case _:
            return redact(str(value))


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON without secrets."""

    def __init__(self, program: str) -> None:
        super().__init__()
        self._program = program

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "level": record.levelname.lower(),
            "program": self._program,
            "logger": record.name,
            "message": redact(_message(record)),
        }
        for name, value in vars(record).items():
            if name not in _STANDARD and name not in line:
                line[name] = redact_value(name, value)
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, separators=(",", ":"), default=str)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        # Wrong arguments of a log call must cost neither the line nor the program.
        return f"{record.msg!s} (with wrong arguments)"


def configure(program: str, *, level: int | str = logging.INFO, stream: TextIO | None = None) -> None:
    """Send all logging of this process as JSON lines to ``stream`` (standard error), in place of what was."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(program))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Handlers that a library set up for itself would write around the filter.
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio", "alembic", "sqlalchemy"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    logging.captureWarnings(capture=True)

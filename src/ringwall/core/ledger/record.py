"""What a record of the ledger says, as bytes: canonical JSON without secrets.

Kept here:
- Making a record never fails because of what a phone sent: odd text is written out in escapes, an over-long
  record is shortened and says so.
- Secrets are kept out by those who write records; what still looks like one is removed here.
"""

from datetime import UTC, datetime
from typing import Any

import orjson

from ringwall.infra.logs import redact_value

LARGEST_BODY = 16 * 1024
LONGEST_TEXT = 512


# A quick look for what might be a secret; only where it finds one is the slow filter of the logs run. Plain
# searches, because one regular expression of all these words takes ten times as long.
_SUSPICIOUS = tuple(
    b'passw passphrase secret token authorization cookie key" private "ha1 crypto inline cnonce'
    b' "pin" bearer basic response -----begin'.split()
)


def now() -> str:
    """Return the time as it stands in a record: RFC 3339, UTC, microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def canonical(body: dict[str, Any]) -> str:
    """Return the one JSON text of a record's fields: keys sorted, no spaces, no secrets, at most 16 KiB."""
    try:
        text = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    except (TypeError, ValueError, RecursionError):
        text = orjson.dumps(_plain(body), option=orjson.OPT_SORT_KEYS)
    small = text.lower()
    if any(word in small for word in _SUSPICIOUS):
        clean = {name: redact_value(name, value) for name, value in orjson.loads(text).items()}
        text = orjson.dumps(clean, option=orjson.OPT_SORT_KEYS)
    if len(text) > LARGEST_BODY:
        text = orjson.dumps(_shortened(body), option=orjson.OPT_SORT_KEYS)
    return text.decode()


def _plain(value: Any, depth: int = 0) -> Any:
    """Return the value in words that JSON has."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, float):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict) and depth < 8:
        return {str(_plain(str(key))): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)) and depth < 8:
        return [_plain(item, depth + 1) for item in value]
    return _plain(str(value))


def _shortened(body: dict[str, Any]) -> dict[str, Any]:
    """Return the fields cut so that they surely fit: the first hundred, each with a short text."""
    room = LARGEST_BODY // 2
    short: dict[str, Any] = {"shortened": True}
    for name, value in list(_plain(body).items())[:100]:
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
        kept = redact_value(name[:64], text[: min(LONGEST_TEXT, max(room, 0))])
        room -= len(orjson.dumps(kept)) + len(name[:64])
        if room < 0:
            break
        short[name[:64]] = kept
    return short

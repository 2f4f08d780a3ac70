"""Reads the bencoded replies of rtpengine. Strict, bounded, flat: what the ng protocol needs and no more."""

from typing import Any

from ringwall.core.errors import CoreError

MAX_DEPTH = 6
MAX_DIGITS = 32
MAX_SIZE = 256 * 1024


class BencodeError(CoreError):
    """The bytes are not one bencoded dictionary."""


def decode(data: bytes) -> dict[bytes, Any]:
    """Return the dictionary: byte-string keys, values of int, bytes, list and dict. Raises BencodeError."""
    if len(data) > MAX_SIZE or data[:1] != b"d":
        raise BencodeError("not a dictionary, or too large")
    try:
        value, end = _value(data, 0, 0)
    except (ValueError, IndexError, RecursionError) as error:
        raise BencodeError(str(error)) from error
    if end != len(data):
        raise BencodeError("something follows the dictionary")
    assert isinstance(value, dict)
    return value


def _value(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    if depth > MAX_DEPTH:
        raise BencodeError("nested too deeply")
    kind = data[at]
    if kind == 0x69:  # i
        end = data.index(b"e", at, at + MAX_DIGITS)
        digits = data[at + 1 : end]
        if not digits.removeprefix(b"-").isdigit():
            raise BencodeError("a number is none")
        return int(digits), end + 1
    if kind == 0x64:  # d
        at += 1
        fields: dict[bytes, Any] = {}
        while data[at] != 0x65:
            key, at = _string(data, at)
            fields[key], at = _value(data, at, depth + 1)
        return fields, at + 1
    if kind == 0x6C:  # l
        at += 1
        items: list[Any] = []
        while data[at] != 0x65:
            item, at = _value(data, at, depth + 1)
            items.append(item)
        return items, at + 1
    return _string(data, at)


def _string(data: bytes, at: int) -> tuple[bytes, int]:
    colon = data.index(b":", at, at + 8)
    digits = data[at:colon]
    if not digits.isdigit():
        raise BencodeError("a length is not a number")
    start = colon + 1
    end = start + int(digits)
    if end > len(data):
        raise BencodeError("a string is cut short")
    return data[start:end], end

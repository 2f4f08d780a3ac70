"""Checks that the values of the policy share; each raises PolicyError with the field and what is accepted."""

import re
from collections.abc import Iterable
from enum import StrEnum

from ringwall.policy.errors import PolicyError

LONGEST_NAME = 64
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+\-]{0,63}\Z")
_DIGITS = re.compile(r"[0-9]+\Z")
# What mail servers take without asking back (RFC 5321, 4.1.2): no quoted local parts, no address literals.
_MAIL = re.compile(
    r"(?=.{3,254}\Z)(?=[^@]{1,64}@)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\Z"
)


def integer(value: object, field: str, least: int, most: int) -> None:
    """Require a whole number from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise PolicyError(field, f"has to be a whole number from {least} to {most}, not {value!r}.")


def flag(value: object, field: str) -> None:
    """Require True or False."""
    if not isinstance(value, bool):
        raise PolicyError(field, f"has to be on or off (true or false), not {value!r}.")


def name(value: object, field: str) -> None:
    """Require a name that people read: 1 to 64 printable characters, none of them a space at an end."""
    good = isinstance(value, str) and 1 <= len(value) <= LONGEST_NAME
    if not good or value != str(value).strip() or not str(value).isprintable():
        raise PolicyError(field, f"has to have 1 to {LONGEST_NAME} printable characters.")


def identifier(value: object, field: str) -> None:
    """Require what other values refer to: letters, digits and `. _ @ + -`, at most 64."""
    if not isinstance(value, str) or not _ID.match(value):
        raise PolicyError(field, "has to have 1 to 64 letters, digits or . _ @ + -, and begin with one.")


def mail_address(value: object, field: str) -> None:
    """Require a mail address in ASCII, such as anna@example.com."""
    if not isinstance(value, str) or not _MAIL.match(value):
        raise PolicyError(field, "has to be a mail address, such as anna@example.com.")


def digits(value: object, field: str, least: int, most: int) -> None:
    """Require `least` to `most` decimal digits and nothing else."""
    if not isinstance(value, str) or not _DIGITS.match(value) or not least <= len(value) <= most:
        count = f"{least}" if least == most else f"{least} to {most}"
        raise PolicyError(field, f"has to have {count} digits and nothing else, not {value!r}.")


def member(value: object, field: str, enum: type[StrEnum]) -> None:
    """Require a member of the enumeration."""
    if not isinstance(value, enum):
        accepted = ", ".join(one.value for one in enum)
        raise PolicyError(field, f"has to be one of {accepted}, not {value!r}.")


def names(values: Iterable[object], field: str) -> None:
    """Require a collection of identifiers."""
    if isinstance(values, str):
        raise PolicyError(field, "has to be a list, not one text.")
    for value in values:
        identifier(value, field)

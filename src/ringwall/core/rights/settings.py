"""One setting of a site, group, class of service, trunk or code: what it is called, holds and accepts.

From these descriptions come the arguments of the operations, the options of the command line and the columns
of CSV files, so that all doors accept the same and say the same about it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Any, Final

from ringwall.policy.errors import PolicyError
from ringwall.policy.scope import Scope

LONGEST_TEXT: Final = 256
LONGEST_FILE: Final = 6 * 1024  # a record of the ledger holds it whole
MOST_WORDS: Final = 2000
LONGEST_WORD: Final = 64

Value = str | bool | int | float | list[str] | None  # as JSON has it
Values = Mapping[str, Value]

_SEPARATORS: Final = re.compile(r"[,;]")
_ON: Final = frozenset({"on", "yes", "true", "1"})
_OFF: Final = frozenset({"off", "no", "false", "0"})
_NOTHING: Final = frozenset({"", "none", "nobody"})


class Form(StrEnum):
    """What a setting holds."""

    TEXT = "text"
    FILE = "file"  # a longer text, which the command line reads from a file
    FLAG = "flag"
    NUMBER = "number"
    AMOUNT = "amount"  # of money
    WORDS = "words"  # a list of short texts


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    `help` says what it means and what is accepted. `refers` is the kind of thing that the text, or each of
    the words, names; for `accepts` each word is an extension or `group:` and a group. With `mails` a word may
    be a mail address instead. A `nullable` one may be none. `hint` follows where what is chosen is no choice.
    """

    name: str
    form: Form
    help: str
    default: Value = None
    required: bool = False
    nullable: bool = False
    choices: tuple[str, ...] = ()
    refers: str = ""
    accepts: bool = False
    mails: bool = False
    hint: str = ""

    @property
    def option(self) -> str:
        """Its name on the command line, without dashes in front."""
        return self.name.replace("_", "-")

    def read(self, given: object) -> Value:
        """Return the value as it is kept; raise PolicyError where it has the wrong form or is no choice."""
        if given is None:
            if not self.nullable:
                raise PolicyError(self.name, "cannot be none.")
            return None
        if self.form is Form.FLAG:
            if not isinstance(given, bool):
                raise PolicyError(self.name, "has to be true or false.")
            return given
        if self.form is Form.NUMBER:
            if isinstance(given, bool) or not isinstance(given, int):
                raise PolicyError(self.name, "has to be a whole number.")
            return given
        if self.form is Form.AMOUNT:
            if isinstance(given, bool) or not isinstance(given, int | float) or not isfinite(given):
                raise PolicyError(self.name, "has to be a number, such as 0.35.")
            return round(float(given), 6)
        if self.form is Form.WORDS:
            if not isinstance(given, (list, tuple)) or not all(isinstance(word, str) for word in given):
                raise PolicyError(self.name, "has to be a list of texts.")
            return self._words([word.strip() for word in given])
        if not isinstance(given, str):
            raise PolicyError(self.name, "has to be text.")
        return self._text(given)

    def _text(self, given: str) -> str | None:
        longest = LONGEST_FILE if self.form is Form.FILE else LONGEST_TEXT
        text = given.strip()
        printable = text if self.form is Form.TEXT else text.replace("\n", "").replace("\r", "")
        if len(text) > longest or not printable.isprintable():
            raise PolicyError(self.name, f"has to have at most {longest} printable characters.")
        if not text and self.refers:
            if self.nullable:
                return None
            raise PolicyError(self.name, "is empty: it has to name something that is there.")
        return self._choice(text) if self.choices else text

    def _words(self, words: list[str]) -> list[str]:
        found = [word for word in dict.fromkeys(words) if word]
        if len(found) > MOST_WORDS:
            raise PolicyError(self.name, f"has {len(found)} entries; {MOST_WORDS} are accepted.")
        for word in found:
            if len(word) > LONGEST_WORD or not word.isprintable():
                raise PolicyError(
                    self.name, f"has an entry of more than {LONGEST_WORD} printable characters."
                )
        return [self._choice(word) for word in found] if self.choices else found

    def _choice(self, text: str) -> str:
        wanted = text.casefold().replace("_", " ").replace("-", " ")
        for choice in self.choices:
            if wanted in {choice.replace("-", " "), _PUBLISHED.get(choice, "")}:
                return choice
        told = f"has to be one of {', '.join(self.choices)}, not {text[:64]!r}. {self.hint}"
        raise PolicyError(self.name, told.rstrip())

    def from_text(self, text: str) -> Value:
        """Return the value that a person wrote on the command line or in a CSV file; raise PolicyError."""
        plain = text.strip()
        if self.nullable and plain.casefold() in _NOTHING:
            return None
        if self.form is Form.FLAG:
            if plain.casefold() not in _ON | _OFF:
                raise PolicyError(self.name, f"has to be on or off, not {plain[:64]!r}.")
            return plain.casefold() in _ON
        if self.form is Form.NUMBER:
            if not re.fullmatch(r"[0-9]{1,9}", plain):
                raise PolicyError(self.name, f"has to be a whole number, not {plain[:64]!r}.")
            return int(plain)
        if self.form is Form.AMOUNT:
            if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", plain):
                raise PolicyError(self.name, f"has to be a number, such as 0.35, not {plain[:64]!r}.")
            return float(plain)
        if self.form is Form.WORDS:
            return self.read([] if plain.casefold() in _NOTHING else _SEPARATORS.split(text))
        return self.read(text)


def to_text(value: Value) -> str:
    """Return a value as people read it, and as `from_text` takes it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ", ".join(value) if value else "none"
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return str(value)


def text(name: str, told: str, default: str | None = "", **more: Any) -> Setting:
    """Return a setting that holds a text."""
    return Setting(name, Form.TEXT, told, default, **more)


def flag(name: str, told: str, *, default: bool) -> Setting:
    """Return a setting that is on or off."""
    return Setting(name, Form.FLAG, told, default)


def number(name: str, told: str, default: int) -> Setting:
    """Return a setting that holds a whole number."""
    return Setting(name, Form.NUMBER, told, default)


def amount(name: str, told: str, default: float) -> Setting:
    """Return a setting that holds an amount of money."""
    return Setting(name, Form.AMOUNT, told, default)


def words(name: str, told: str, default: tuple[str, ...] = (), **more: Any) -> Setting:
    """Return a setting that holds a list of texts."""
    return Setting(name, Form.WORDS, told, list(default), **more)


# The rungs of the ladder, and what the administrators' guides of old call them.
SCOPES: Final = ("internal", "local", "national", "national mobile", "international", "all")
_PUBLISHED: Final = {
    "internal": "internal only",
    "local": "local only",
    "national": "national long distance",
    "international": "international long distance",
    "all": "all calls",
}


Built = tuple[Any, Values]  # the policy's value, and settings that are now in their tidy form


def scope_of(word: str) -> Scope:
    """The rung of a word of SCOPES."""
    return Scope(SCOPES.index(word))


def many(value: Value) -> tuple[str, ...]:
    """The words of a setting that holds a list."""
    return tuple(value) if isinstance(value, list) else ()


def plain(values: Values) -> dict[str, Any]:
    """The settings as the policy's values take them."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}

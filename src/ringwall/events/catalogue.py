"""All kinds of events: what there is, and which class a kind has."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType, ModuleType
from typing import Annotated, Any, Final, Literal, NamedTuple, get_args, get_origin, get_type_hints

from ringwall.events import (
    admin,
    call_features,
    calls,
    firmware,
    mail,
    phones,
    registrations,
    rights,
    security,
    states,
    system,
    trunks,
    voicemail,
    watching,
)
from ringwall.events.base import UNSAID, Event, EventError
from ringwall.events.reading import choices, read, takes_unsaid

DOMAINS: Final = (
    calls,
    call_features,
    watching,
    registrations,
    trunks,
    security,
    admin,
    rights,
    phones,
    firmware,
    voicemail,
    mail,
    system,
)
"""The modules that declare events, in the order of the documentation."""


def _kinds(domains: Iterable[ModuleType]) -> Mapping[str, type[Event]]:
    found: dict[str, type[Event]] = {}
    for domain in domains:
        for value in vars(domain).values():
            if (
                not isinstance(value, type)
                or value.__module__ != domain.__name__
                or not hasattr(value, "kind")
            ):
                continue
            if value.kind in found:
                raise TypeError(f"two events have the kind {value.kind}")
            found[value.kind] = value
    return MappingProxyType(found)


KINDS: Final = _kinds(DOMAINS)
"""The class of each kind that can be recorded."""

PASSING: Final = _kinds((states,))
"""The class of each kind that is told and never recorded."""


def event_of(kind: str, body: object) -> Event:
    """Return the event that a record tells; raise EventError where this version does not know it."""
    cls = KINDS.get(kind)
    if cls is None:
        raise EventError(f"{kind[:64]} is no kind of event that this version knows")
    return read(cls, body)


class Field(NamedTuple):
    """A field as it is documented: its name in the body, its type in words, its meaning."""

    name: str
    type: str
    meaning: str
    may_be_left_out: bool


def fields_of(cls: type[Event]) -> list[Field]:
    """Return what the documentation says of the fields of a class."""
    hints = get_type_hints(cls, include_extras=True)
    return [
        Field(name, in_words(hints[attribute]), _meaning(hints[attribute]), takes_unsaid(hints[attribute]))
        for attribute, name in cls.body_names
    ]


def _meaning(hint: Any) -> str:
    """What the innermost `Annotated` that is not within a list says, the outermost first."""
    if get_origin(hint) is Annotated:
        return next((said for said in hint.__metadata__[::-1] if isinstance(said, str)), "")
    return next((said for part in get_args(hint) if (said := _meaning(part))), "")


_WORDS: Final = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "true or false",
    type(None): "null",
    Any: "any",
}


def in_words(hint: Any) -> str:
    """Return a type in the words of JSON."""
    return " or ".join(word for each in choices(hint) if (word := _word(each)))


def _word(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " or ".join(
            each if isinstance(each, str) else str(each).lower()
            for each in get_args(hint)
            if each is not UNSAID
        )
    if get_origin(hint) is tuple:
        return f"list of {in_words(get_args(hint)[0])}"
    if get_origin(hint) is dict:
        inner = in_words(get_args(hint)[1])
        return "object" if inner == "any" else f"object of {inner}"
    return _WORDS[hint]

"""From the body of a record back to the event."""

from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from ringwall.events.base import UNSAID, VERSION_FIELD, E, Event, EventError, Unsaid

Read = Callable[[Any], Any]

_PLAIN: Mapping[type, tuple[type, ...]] = {
    str: (str,),
    int: (int,),
    float: (int, float),
    NoneType: (NoneType,),
}


def read(cls: type[E], body: object) -> E:
    """Return the event of a class that has this body; raise EventError where it is none.

    Fields that this version of Ringwall does not know are passed over.
    """
    if not isinstance(body, dict):
        raise EventError(f"{cls.kind}: the body is no object")
    version = body.get(VERSION_FIELD, 1) if cls.body_version > 1 else 1
    if version != cls.body_version:
        raise EventError(f"{cls.kind}: version {version!r} is not known")
    given = {}
    for attribute, name, reads, may_be_left_out in _readers_of(cls):
        if name in body:
            try:
                given[attribute] = reads(body[name])
            except EventError as error:
                raise EventError(f"{cls.kind}: {name} {error}") from None
        elif not may_be_left_out:
            raise EventError(f"{cls.kind}: {name} is missing")
    return cls(**given)


_READERS: dict[type[Event], list[tuple[str, str, Read, bool]]] = {}


def _readers_of(cls: type[Event]) -> list[tuple[str, str, Read, bool]]:
    """Attribute, name, what reads it and whether it may be left out, of each field."""
    found = _READERS.get(cls)
    if found is None:
        hints = get_type_hints(cls)
        found = _READERS[cls] = [
            (attribute, name, _reader(hints[attribute]), takes_unsaid(hints[attribute]))
            for attribute, name in cls.body_names
        ]
    return found


def takes_unsaid(hint: Any) -> bool:
    """Whether a field of this type may be left out."""
    return any(Unsaid.UNSAID in get_args(each) for each in choices(hint) if get_origin(each) is Literal)


def choices(hint: Any) -> tuple[Any, ...]:
    """Return the types of which a value may have one."""
    if get_origin(hint) is Annotated:
        return choices(get_args(hint)[0])
    if get_origin(hint) in {Union, UnionType}:
        return tuple(each for part in get_args(hint) for each in choices(part))
    return (hint,)


def _reader(hint: Any) -> Read:
    """Return what takes a JSON value to a value of this type, or raises EventError."""
    several = [_reader_of_one(each) for each in choices(hint)]
    if len(several) == 1:
        return several[0]

    def first_that_fits(value: Any) -> Any:
        for reads in several:
            try:
                return reads(value)
            except EventError:
                continue
        raise EventError("has another type")

    return first_that_fits


def _reader_of_one(hint: Any) -> Read:
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return lambda value: value
    if origin is Literal:
        return _one_of(tuple(each for each in inner if each is not UNSAID))
    if origin is tuple:
        return _list_of(_reader(inner[0]))
    if origin is dict:
        return _object_of(_reader(inner[1]))
    if hint is bool:
        return _plain((bool,))
    return _plain(_PLAIN[hint], no_bool=True)


def _plain(types: tuple[type, ...], *, no_bool: bool = False) -> Read:
    def reads(value: Any) -> Any:
        if not isinstance(value, types) or (no_bool and isinstance(value, bool)):
            raise EventError("has another type")
        return value

    return reads


def _one_of(values: tuple[Any, ...]) -> Read:
    def reads(value: Any) -> Any:
        if not any(type(value) is type(each) and value == each for each in values):
            raise EventError("is none of the values that it can have")
        return value

    return reads


def _list_of(reads_one: Read) -> Read:
    def reads(value: Any) -> Any:
        if not isinstance(value, list):
            raise EventError("is no list")
        return tuple(reads_one(each) for each in value)

    return reads


def _object_of(reads_one: Read) -> Read:
    def reads(value: Any) -> Any:
        if not isinstance(value, dict):
            raise EventError("is no object")
        return {str(name): reads_one(each) for name, each in value.items()}

    return reads

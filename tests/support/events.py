"""Events of every kind, made up."""

from typing import Any, Literal, get_args, get_origin, get_type_hints

import orjson
from hypothesis import strategies as st

from ringwall.events.base import UNSAID, Event
from ringwall.events.reading import choices

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBERS = st.integers(-(2**53), 2**53)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
_PLAIN = {
    str: TEXT,
    int: NUMBERS,
    float: st.floats(allow_nan=False, allow_infinity=False) | NUMBERS,
    bool: st.booleans(),
    type(None): st.none(),
    Any: JSON,
}


def events_of(cls):
    """A strategy for events of a class."""
    hints = get_type_hints(cls)
    return st.fixed_dictionaries({name: _values_of(hints[name]) for name, _ in cls.body_names}).map(
        lambda given: cls(**given)
    )


def _values_of(hint):
    return st.one_of([_values_of_one(each) for each in choices(hint)])


def _values_of_one(hint):
    if get_origin(hint) is Literal:
        return st.sampled_from([UNSAID if each is UNSAID else each for each in get_args(hint)])
    if get_origin(hint) is tuple:
        return st.lists(_values_of(get_args(hint)[0]), max_size=3).map(tuple)
    if get_origin(hint) is dict:
        return st.dictionaries(TEXT, _values_of(get_args(hint)[1]), max_size=3)
    return _PLAIN[hint]


class Made(Event):
    """An event of whatever kind, with whatever body."""

    def __init__(self, kind: str, **fields: Any) -> None:
        self.kind, self.fields = kind, fields  # type: ignore[misc]

    def to_body(self) -> dict[str, Any]:
        return self.fields


def told(event: Event) -> tuple[str, dict[str, Any]]:
    """The kind and the body of an event, as whoever reads the ledger has them."""
    return event.kind, orjson.loads(orjson.dumps(event.to_body()))

"""Each kind of event has one class that is documented, goes into a body and comes back."""

import dataclasses
import re
from typing import Annotated, ClassVar

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringwall.events import UNSAID, Event, EventError, Maybe
from ringwall.events.base import event
from ringwall.events.call_features import CallTransfer
from ringwall.events.calls import CallClearText, MediaRefusal
from ringwall.events.catalogue import KINDS, PASSING, event_of, fields_of
from ringwall.events.reading import read
from ringwall.events.security import SourceBanned, StrayResponse
from support.events import JSON, TEXT, events_of

pytestmark = pytest.mark.req("I2")

CLASSES = st.sampled_from(sorted(KINDS.values(), key=lambda cls: cls.kind))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20)
@given(data=st.data())
def test_an_event_comes_back_from_its_body_as_it_was(kind: str, data) -> None:
    happened = data.draw(events_of(KINDS[kind]))
    body = orjson.loads(orjson.dumps(happened.to_body()))
    assert event_of(kind, body) == happened


@given(CLASSES, JSON | st.dictionaries(TEXT, JSON))
def test_no_body_does_anything_but_be_read_or_be_refused(cls, body) -> None:
    try:
        found = event_of(cls.kind, body)
    except EventError:
        return
    assert isinstance(found, cls)


@given(CLASSES.flatmap(events_of), st.data())
def test_a_body_that_was_spoilt_in_one_field_is_read_or_refused(happened, data) -> None:
    body = orjson.loads(orjson.dumps(happened.to_body()))
    if body:
        body[data.draw(st.sampled_from(sorted(body)))] = data.draw(JSON)
    try:
        assert isinstance(event_of(happened.kind, body), type(happened))
    except EventError:
        return


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_documented_with_each_of_its_fields(kind: str) -> None:
    cls = KINDS[kind]
    assert re.fullmatch(r"[a-z]+(?:[._][a-z]+)+", kind)
    assert cls.kind == kind
    assert (cls.__doc__ or "").split("\n")[0].endswith((".", ":"))
    for field in fields_of(cls):
        assert field.type, field
        assert field.meaning.endswith("."), field
        said = f"{field.meaning} {field.type}"
        assert "seconds" in said or not field.name.endswith("_seconds"), f"the unit of {field}"


def test_what_is_never_recorded_is_documented_and_cannot_be_read_from_a_record() -> None:
    assert not set(PASSING) & set(KINDS)
    for kind, cls in PASSING.items():
        assert cls.__doc__
        assert all(field.type and field.meaning.endswith(".") for field in fields_of(cls))
        with pytest.raises(EventError):
            event_of(kind, {})


def test_no_event_can_be_changed() -> None:
    happened = StrayResponse(source="192.0.2.1:5061")
    with pytest.raises(dataclasses.FrozenInstanceError):
        happened.source = "192.0.2.2:5061"  # type: ignore[misc]
    with pytest.raises(TypeError):
        StrayResponse(source="192.0.2.1:5061", more=1)  # type: ignore[call-arg]


def test_what_was_not_said_is_not_in_the_body_and_null_is() -> None:
    assert StrayResponse(source="a").to_body() == {"source": "a"}
    told = MediaRefusal(why="no SRTP", method="offer", source=None)
    assert told.to_body() == {"why": "no SRTP", "method": "offer", "source": None}
    assert read(MediaRefusal, told.to_body()).call is UNSAID


def test_a_name_that_python_keeps_for_itself_is_written_without_the_underscore() -> None:
    said = CallTransfer(call="c", by="201", party="202", to="203", rule="r", path="p", class_="premium")
    assert said.to_body()["class"] == "premium"
    assert read(CallTransfer, said.to_body()) == said


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"call": "c", "trunk": "t"}, "call.clear_text: why is missing"),
        ({"call": "c", "trunk": "t", "why": 3}, "call.clear_text: why has another type"),
        ({"call": True, "trunk": "t", "why": "w"}, "call.clear_text: call has another type"),
        (["call"], "call.clear_text: the body is no object"),
    ],
)
def test_who_cannot_read_a_body_is_told_what_is_wrong_with_it(body, why: str) -> None:
    with pytest.raises(EventError) as error:
        event_of("call.clear_text", body)
    assert str(error.value) == why


def test_a_number_is_no_truth_value_and_a_field_that_is_not_known_is_passed_over() -> None:
    body = {"source": "192.0.2.1", "seconds": True, "reason": "r"}
    with pytest.raises(EventError):
        read(SourceBanned, body)
    assert read(SourceBanned, {**body, "seconds": 60, "new": 1}) == SourceBanned(
        source="192.0.2.1", seconds=60, reason="r"
    )


def test_a_kind_that_is_not_known_is_refused_by_name() -> None:
    with pytest.raises(EventError, match=r"call\.flown is no kind of event"):
        event_of("call.flown", {})


def test_a_body_of_another_version_is_not_taken_for_one_of_this() -> None:
    @event("call.clear_text", body_version=2)
    class Second(Event):
        """A second version."""

        trunk: Annotated[str, "The trunk."]
        more: Annotated[Maybe[int], "More."] = UNSAID

    body = Second(trunk="t").to_body()
    assert body == {"trunk": "t", "v": 2}
    assert read(Second, body) == Second(trunk="t")
    for other in ({"trunk": "t"}, {"trunk": "t", "v": 3}):
        with pytest.raises(EventError, match="version"):
            read(Second, other)
    assert "v" not in CallClearText(call="c", trunk="t", why="w").to_body()


def test_kind_belongs_to_the_class_and_not_to_the_body() -> None:
    assert Event.__annotations__["kind"] == ClassVar[str]
    assert all("kind" not in dict(cls.body_names) for cls in KINDS.values())

"""Requests: what fits is a typed value, what does not is refused by the name of its field and without its content."""

import json
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.media.control import requests as ask
from ringwall.media.errors import MediaError

KEY = b64encode(bytes(range(32))).decode()
CONNECT = {
    "op": "leg.connect", "leg": "a", "host": "192.0.2.1", "port": 30000, "suite": "AEAD_AES_256_GCM",
    "send_key": b64encode(bytes(44)).decode(), "receive_key": b64encode(bytes([1] * 44)).decode(), "payload": 0, "dtmf": 101, "ptime": 20,
}  # fmt: skip
GOOD = [
    {"op": "hello", "owner": "core1", "lease_seconds": 15},
    {"op": "renew"},
    {"op": "leg.open", "leg": "call-1.a"},
    CONNECT,
    {"op": "room.set", "room": "r", "legs": ["a", "b"], "hears": {"*": {"*": 1}, "a": {"b": 0.5}}},
    {
        "op": "play",
        "player": "p",
        "leg": "a",
        "items": [{"prompt": "digits/3"}, {"tone": "busy", "country": "GB"}],
    },
    {
        "op": "play",
        "player": "p",
        "room": "r",
        "items": [{"recording": "m1", "key": KEY}, {"silence": 0.5}],
        "loop": True,
    },
    {
        "op": "record",
        "recorder": "x",
        "leg": "a",
        "recording": "m2",
        "key": KEY,
        "most": 60,
        "tone": {"every": 15},
        "of": ["a"],
    },
    {"op": "record.of", "recorder": "x", "of": ["a", "b"]},
    {"op": "record.of", "recorder": "x"},
    {"op": "leg.press", "leg": "a", "key": "#", "ms": 200},
    {"op": "recording.finish", "recording": "m2", "key": KEY},
]


@pytest.mark.parametrize("values", GOOD)
def test_what_the_contract_says_is_taken(values):
    assert ask.parse(json.dumps(values).encode()).op == values["op"]


def test_keys_may_come_without_padding():
    request = ask.parse(json.dumps(CONNECT | {"send_key": CONNECT["send_key"].rstrip("=")}).encode())
    assert isinstance(request, ask.Connect)
    assert request.send_key == bytes(44)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"op": "nonsense"}, "the request"),
        ({"op": "leg.open"}, "leg"),
        ({"op": "leg.open", "leg": "../../etc"}, "leg"),
        ({"op": "leg.open", "leg": "x" * 129}, "leg"),
        ({"op": "leg.open", "leg": "a", "more": 1}, "more"),
        (CONNECT | {"port": 0}, "port"),
        (CONNECT | {"payload": 3}, "payload"),
        (CONNECT | {"ptime": 15}, "ptime"),
        (CONNECT | {"dtmf": 0}, "dtmf"),
        (CONNECT | {"send_key": "%%%"}, "send_key"),
        ({"op": "room.set", "room": "r", "legs": [], "hears": {"a": {"b": 99}}}, "hears"),
        ({"op": "room.set", "room": "r", "legs": [], "hears": {"a": {"b": "NaN"}}}, "hears"),
        ({"op": "room.set", "room": "r", "legs": ["a"] * 251}, "legs"),
        ({"op": "play", "player": "p", "items": []}, "items"),
        ({"op": "play", "player": "p", "items": [{"silence": 1}] * 65}, "items"),
        ({"op": "record", "recorder": "x", "recording": "m/../x", "key": KEY, "most": 60}, "recording"),
        ({"op": "record", "recorder": "x", "recording": "m", "key": "AAAA", "most": 60}, "key"),
        ({"op": "hello", "owner": "c", "lease_seconds": 1}, "lease_seconds"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_name(values, field):
    with pytest.raises(MediaError) as caught:
        ask.parse(json.dumps(values).encode())
    assert caught.value.code == "syntax"
    assert field in str(caught.value)


@pytest.mark.req("V2")
def test_no_key_is_in_an_error_or_in_what_is_printed_of_a_request():
    bad = CONNECT | {"port": 99999}
    with pytest.raises(MediaError) as caught:
        ask.parse(json.dumps(bad).encode())
    assert CONNECT["receive_key"] not in str(caught.value)
    assert "receive_key" not in repr(ask.parse(json.dumps(CONNECT).encode()))
    record = ask.parse(json.dumps(GOOD[7]).encode())
    assert "key=" not in repr(record)


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=10),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(["op", "leg", "items", "hears", "key"]), inner)
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_bytes_are_a_request_or_a_refusal(payload):
    try:
        ask.parse(payload)
    except MediaError as error:
        said = str(error)
    else:
        said = ""
    assert len(said) < 400

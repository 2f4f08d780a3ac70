"""A record says what happened in one way only, and never a secret."""

import hashlib
import struct

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core.ledger.chain import record_hash
from ringwall.core.ledger.record import LARGEST_BODY, canonical, now

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(), max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


def test_the_order_of_fields_makes_no_difference():
    assert (
        canonical({"b": 1, "a": {"d": 1, "c": 2}})
        == '{"a":{"c":2,"d":1},"b":1}'
        == canonical({"a": {"c": 2, "d": 1}, "b": 1})
    )


@given(st.dictionaries(st.text(st.characters(), max_size=8), JSON, max_size=6))
def test_whatever_a_phone_sent_can_be_recorded(body):
    text = canonical(body)
    assert isinstance(orjson.loads(text), dict)
    assert len(text.encode()) <= LARGEST_BODY


@pytest.mark.parametrize(
    "body",
    [
        {"password": "hunter2"},
        {"a": {"ha1_sha256": "hunter2"}},
        {"text": "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:hunter2"},
        {"header": 'Authorization: Digest response="hunter2"'},
        {"list": [{"token": "hunter2"}]},
        {"bearer": "Bearer hunter2"},
        {"text": "password=hunter2"},
    ],
)
def test_secrets_do_not_get_in(body):
    assert "hunter2" not in canonical(body)


def test_ordinary_facts_stay_as_they_are():
    body = {"caller": "201", "suites": ["AEAD_AES_128_GCM"], "source": "192.0.2.1", "keys": 2}
    assert orjson.loads(canonical(body)) == body


def test_an_over_long_record_is_shortened_and_says_so():
    text = canonical(
        {
            "user_agent": "x" * 100_000,
            "password": "hunter2",
            "call": "c1",
            **{f"n{n}": "y" * 400 for n in range(200)},
        }
    )
    assert len(text) <= LARGEST_BODY
    told = orjson.loads(text)
    assert told["shortened"] is True
    assert told["call"] == "c1"
    assert "hunter2" not in text


def test_the_time_is_rfc_3339_in_utc_with_microseconds():
    text = now()
    assert len(text) == len("2026-11-23T10:00:00.000000Z")
    assert text[10] == "T"
    assert text[-1] == "Z"


def test_the_hash_is_what_the_documentation_says():
    """SHA-256 of previous (32), number (8), three lengths (4 each), then time, kind and body in UTF-8."""
    at, kind, body = "2026-11-23T10:00:00.000000Z", "call.ended", '{"name":"Ærlig"}'
    parts = [at.encode(), kind.encode(), body.encode()]
    expected = hashlib.sha256(
        b"\x07" * 32 + struct.pack("!QIII", 9, *map(len, parts)) + b"".join(parts)
    ).digest()
    assert record_hash(b"\x07" * 32, 9, at, kind, body) == expected

"""The reader of rtpengine's replies: any bytes give a dictionary or one error."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core.calls.switch.bencode import MAX_DEPTH, MAX_SIZE, BencodeError, decode
from support.calls.rtpengine import encode

values = st.recursive(
    st.integers(-(2**63), 2**63) | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.binary(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.dictionaries(
        st.binary(max_size=12), st.integers(-(2**63), 2**63) | st.binary() | st.lists(st.binary()), max_size=6
    )
)
def test_what_is_written_is_read(value) -> None:
    assert decode(encode(value)) == value


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda rest: b"d" + rest + b"e"))
def test_any_bytes_give_a_dictionary_or_one_error(data: bytes) -> None:
    with suppress(BencodeError):
        assert isinstance(decode(data), dict)


@given(values)
def test_only_a_dictionary_is_taken(value) -> None:
    if not isinstance(value, dict):
        with pytest.raises(BencodeError):
            decode(encode(value))


@pytest.mark.parametrize(
    "data",
    [b"", b"d", b"de1", b"d1:a", b"d1:ae", b"d1:ai1", b"d1:ai_1e", b"d1:ai 1ee", b"d1:aiee", b"d1:ai1_0ee", b"d-1:ae",
     b"di1e1:ae", b"d9999999:ae", b"d99999999999:ae", b"d1:a5:abce", b"d1:aleede", b"d 1:ai1ee", b"d1:ai" + b"9" * 5000 + b"ee",
     b"d1:a" + b"l" * (MAX_DEPTH + 1) + b"e" * (MAX_DEPTH + 2), b"d1:a" + b"d1:a" * 9 + b"i1e" + b"e" * 10],
)  # fmt: skip
def test_what_is_malformed_is_refused(data: bytes) -> None:
    with pytest.raises(BencodeError):
        decode(data)


def test_what_is_too_large_is_refused() -> None:
    with pytest.raises(BencodeError):
        decode(encode({"a": b"x" * MAX_SIZE}))
    assert decode(encode({"a": -5})) == {b"a": -5}

"""Keys that phones send by INFO."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core.calls.dialog.info import key_of

KEYS = "0123456789*#ABCD"


@pytest.mark.parametrize("key", KEYS)
def test_each_key_is_read_in_both_forms(key) -> None:
    assert key_of("application/dtmf-relay", f"Signal={key}\r\nDuration=160\r\n".encode()) == key
    assert (
        key_of("application/dtmf-relay;charset=utf-8", f"Duration=160\r\nSignal= {key.lower()}".encode())
        == key
    )
    assert key_of("application/dtmf", f"{key}\r\n".encode()) == key


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/dtmf-relay", b"Signal=55"),
        ("application/dtmf-relay", b"Signal=16"),
        ("application/dtmf-relay", b"5"),
        ("application/dtmf", b"55"),
        ("application/dtmf", b""),
        ("text/plain", b"5"),
        (None, b"5"),
        ("application/dtmf-relay", b"Signal=5" + b" " * 300),
    ],
)
def test_what_says_no_key_is_none(kind, body) -> None:
    assert key_of(kind, body) == ""


@given(st.binary(max_size=400), st.sampled_from(["application/dtmf-relay", "application/dtmf", "x/y", None]))
def test_any_body_is_one_key_or_none(body, kind) -> None:
    key = key_of(kind, body)
    assert key == "" or (len(key) == 1 and key in KEYS)

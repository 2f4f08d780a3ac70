"""What is kept of a ledger outside of its database: signed, bounded, and it only grows."""

import json
import re
from contextlib import suppress
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from ringwall.infra.ledger_mark import (
    LIMIT,
    MOST,
    Acknowledgement,
    Evidence,
    Mark,
    MarkError,
    Mismatch,
    evidence_of,
    is_signed,
    merge,
    read_evidence,
    shortened,
    sign,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = KEY.public_key()
AT = "2026-11-30T08:00:00.000000Z"
pytestmark = pytest.mark.req("I2")


def mark(seq=10, chain="aa" * 32, key=KEY, digest="bb" * 32):
    return sign(key, Mark(chain, seq, digest, 1, AT))


def mismatch(text="10 records are missing.", key=KEY):
    return sign(key, Mismatch(AT, "core/ledger.mark", text, 11, 20, "cc" * 32, 3))


def acknowledged(one, key=KEY):
    return sign(key, Acknowledgement(AT, one.digest, "root", "restored from a backup"))


def full():
    return Evidence(mark(), (mismatch(), mismatch("other")), (acknowledged(mismatch()),))


def test_what_was_written_is_read():
    assert read_evidence(full().to_bytes(), PUBLIC) == full()
    assert read_evidence(Evidence().to_bytes(), PUBLIC) == Evidence()


def test_a_mismatch_is_open_until_it_is_acknowledged_and_only_then_a_gap_that_is_known():
    assert [each.text for each in full().open] == ["other"]
    assert full().gaps == (mismatch(),)


@pytest.mark.parametrize(
    "wrong",
    [
        Evidence(mark(key=OTHER)),
        Evidence(replace(mark(), seq=11)),
        Evidence(mark(), (mismatch(key=OTHER),)),
        Evidence(mark(), (replace(mismatch(), text="nothing"),)),
        Evidence(mark(), (), (acknowledged(mismatch(), OTHER),)),
    ],
)
def test_what_the_key_did_not_sign_is_refused(wrong):
    with pytest.raises(MarkError, match="changed, or another key"):
        read_evidence(wrong.to_bytes(), PUBLIC)


def test_a_signature_of_one_kind_is_none_of_another():
    """The name of the kind is signed with it."""
    assert not is_signed(PUBLIC, replace(mark(), signature=mismatch().signature))


CHANGES = [
    ("mark", "seq", -1),
    ("mark", "seq", 1.0),
    ("mark", "seq", True),
    ("mark", "seq", 2**63),
    ("mark", "chain", "AA" * 32),
    ("mark", "chain", "aa" * 31),
    ("mark", "at", "today"),
    ("mark", "signature", ""),
    ("mismatches", "text", "x" * 601),
    ("mismatches", "place", None),
    ("acknowledgements", "mismatch", "x"),
]


@pytest.mark.parametrize(("part", "field", "value"), CHANGES)
def test_a_field_that_is_not_what_it_has_to_be_is_named(part, field, value):
    told = json.loads(full().to_bytes())
    (told[part] if part == "mark" else told[part][0])[field] = value
    with pytest.raises(MarkError, match=f"field {field} "):
        evidence_of(told, PUBLIC)


@pytest.mark.parametrize(
    "value",
    [
        *(None, [], "x", {}, {"mark": None}),
        {"mark": 1, "mismatches": [], "acknowledgements": []},
        {"mark": None, "mismatches": {}, "acknowledgements": []},
        {"mark": None, "mismatches": [{}], "acknowledgements": []},
        {"mark": None, "mismatches": [], "acknowledgements": [[]] * (MOST + 1)},
    ],
)
def test_what_is_no_evidence_is_refused(value):
    with pytest.raises(MarkError):
        evidence_of(value, PUBLIC)
    with pytest.raises(MarkError):
        read_evidence(json.dumps(value).encode(), PUBLIC)


@pytest.mark.parametrize("data", [b"", b"\xff", b"[" * 100_000, b"1" * 5000, b" " * (LIMIT + 1)])
def test_bytes_that_are_no_json_are_refused(data):
    with pytest.raises(MarkError):
        read_evidence(data, PUBLIC)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(part=st.sampled_from(["mark", "mismatches", "acknowledgements"]), field=st.integers(0, 9), value=JSON)
def test_any_value_in_any_place_is_read_or_refused(part, field, value):
    told = json.loads(full().to_bytes())
    where = told[part] if part == "mark" else told[part][0]
    where[sorted(where)[field % len(where)]] = value
    with suppress(MarkError):
        assert evidence_of(told, PUBLIC) == full()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=64), st.integers(0, 4000))
def test_any_bytes_are_read_or_refused(noise, place):
    data = full().to_bytes()
    place %= len(data)
    for each in (noise, data[:place] + noise + data[place + len(noise) :]):
        with suppress(MarkError):
            assert read_evidence(each, PUBLIC) == full()


def test_a_name_that_stands_there_twice_hides_nothing():
    data = full().to_bytes()
    two = re.sub(rb"\},\s*\{", b",", data, count=1)
    assert two != data
    with pytest.raises(MarkError):
        read_evidence(two, PUBLIC)


SOME = st.builds(
    lambda seq, texts, known: Evidence(
        None if seq is None else mark(seq),
        tuple(mismatch(text) for text in texts),
        tuple(acknowledged(mismatch(text)) for text in known),
    ),
    st.none() | st.integers(0, 30),
    st.lists(st.sampled_from("abcdef"), unique=True),
    st.lists(st.sampled_from("abcdef"), unique=True),
)


@settings(max_examples=100, deadline=None)
@given(kept=SOME, told=SOME)
def test_a_mark_never_goes_down_and_nothing_is_forgotten(kept, told):
    now = merge(kept, told)
    seqs = [each.mark.seq for each in (kept, told) if each.mark is not None]
    assert (now.mark.seq if now.mark else None) == (max(seqs) if seqs else None)
    assert set(now.mismatches) == {*kept.mismatches, *told.mismatches}
    assert set(now.acknowledgements) == {*kept.acknowledgements, *told.acknowledgements}
    assert merge(now, kept) == merge(now, told) == now


def test_another_chain_or_another_hash_takes_no_marks_place():
    for other in (mark(99, chain="dd" * 32), mark(10, digest="dd" * 32)):
        assert merge(Evidence(mark()), Evidence(other)).mark == mark()


def test_the_first_mismatches_are_kept_and_the_most_fit_into_their_limit():
    text = shortened("\U0001f600" * 2000)
    assert text.endswith("...")
    many = tuple(replace(mismatch(), text=shortened(f"{number} {text}"), place=text) for number in range(40))
    kept = merge(Evidence(mismatches=many[:20]), Evidence(mismatches=many[20:]))
    assert kept.mismatches == many[:MOST]
    notes = tuple(Acknowledgement(AT, "aa" * 32, text, text, f"{number:0128x}") for number in range(MOST))
    assert len(replace(kept, acknowledgements=notes).to_bytes()) <= LIMIT

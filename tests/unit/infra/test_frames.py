"""The framing of the control link: what goes in comes out, and nothing else does."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.infra.errors import FrameError
from ringwall.infra.frames import MAX_FRAME, MAX_ID, MAX_PAYLOAD, Frame, FrameReader, Kind, encode

frames = st.builds(
    Frame, kind=st.sampled_from(Kind), id=st.integers(0, MAX_ID), payload=st.binary(max_size=600)
)


@given(st.lists(frames, max_size=12), st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_frames_cut_anywhere_come_out_whole_and_in_order(sent, cuts):
    stream = b"".join(encode(frame.kind, frame.id, frame.payload) for frame in sent)
    reader, received, at, turn = FrameReader(), [], 0, 0
    while at < len(stream):
        step = cuts[turn % len(cuts)]
        received += reader.feed(stream[at : at + step])
        at, turn = at + step, turn + 1
    assert received == sent
    assert reader.pending == 0


@given(st.binary(max_size=2000))
def test_any_bytes_give_frames_or_one_error_and_then_the_same_error(data):
    reader = FrameReader()
    try:
        found = reader.feed(data)
    except FrameError as error:
        with pytest.raises(FrameError, match=str(error).replace("(", r"\(")):
            reader.feed(b"")
        assert reader.pending == 0
    else:
        again = b"".join(encode(frame.kind, frame.id, frame.payload) for frame in found)
        assert data.startswith(again)
        assert len(again) + reader.pending == len(data)


def test_the_largest_frame_is_exactly_256_kib():
    whole = encode(Kind.NG, 1, bytes(MAX_PAYLOAD))
    assert len(whole) == MAX_FRAME == 256 * 1024
    assert FrameReader().feed(whole) == [Frame(Kind.NG, 1, bytes(MAX_PAYLOAD))]


def test_a_longer_frame_is_refused_by_its_length_word_alone():
    with pytest.raises(FrameError, match="out of range"):
        FrameReader().feed(struct.pack("!I", MAX_FRAME - 3))
    with pytest.raises(FrameError, match="longer"):
        encode(Kind.NG, 1, bytes(MAX_PAYLOAD + 1))


def test_a_frame_too_short_for_id_and_kind_is_refused():
    with pytest.raises(FrameError, match="out of range"):
        FrameReader().feed(struct.pack("!I", 4))


def test_an_unknown_kind_is_refused_before_its_payload_has_come():
    with pytest.raises(FrameError, match="kind 9"):
        FrameReader().feed(struct.pack("!IIB", 1000, 1, 9))


def test_a_broken_reader_gives_nothing_more():
    reader = FrameReader()
    with pytest.raises(FrameError):
        reader.feed(struct.pack("!I", 0))
    with pytest.raises(FrameError):
        reader.feed(encode(Kind.CALL, 1, b"{}"))


@pytest.mark.parametrize("frame_id", [-1, MAX_ID + 1])
def test_an_id_that_does_not_fit_is_refused(frame_id):
    with pytest.raises(FrameError, match="out of range"):
        encode(Kind.CALL, frame_id, b"")


def test_the_bytes_are_those_of_the_contract():
    assert encode(Kind.REPLY, 7, b"{}") == b"\x00\x00\x00\x07\x00\x00\x00\x07\x04{}"

"""Sealed files: what was written comes back, and nothing else ever does."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.infra.sealed import KEY_BYTES, MAX_CHUNK, End, Opener, SealedError, Sealer, finish

KEY = bytes(range(KEY_BYTES))
chunks = st.lists(st.binary(min_size=1, max_size=300), max_size=8)


def sealed(contents, *, ended=True, key=KEY):
    sealer = Sealer(key, "pcmu/8000")
    made = sealer.head + b"".join(sealer.chunk(content) for content in contents)
    return made + (sealer.end() if ended else b"")


def opened(data, key=KEY):
    opener = Opener(io.BytesIO(data), key)
    found = list(opener.chunks())
    return found, opener.end


@given(chunks)
def test_what_was_written_comes_back(contents):
    assert opened(sealed(contents)) == (contents, End.COMPLETE)


@pytest.mark.req("V2")
@given(chunks, st.data())
def test_a_file_that_was_cut_off_opens_up_to_its_last_whole_chunk(contents, data):
    whole = sealed(contents)
    head = len(sealed([], ended=False))
    at = data.draw(st.integers(head, len(whole) - 1))
    found, end = opened(whole[:at])
    assert found == contents[: len(found)]
    assert end is End.CUT
    ends = [len(sealed(contents[:count], ended=False)) for count in range(len(contents) + 1)]
    assert len(found) == max(count for count, length in enumerate(ends) if length <= at)


@given(chunks.filter(bool), st.data())
def test_a_changed_byte_gives_nothing_that_was_not_written(contents, data):
    whole = bytearray(sealed(contents))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    try:
        found, end = opened(bytes(whole))
    except SealedError:
        return
    assert found == contents[: len(found)]
    assert end is not End.COMPLETE


@given(st.binary(max_size=200))
def test_junk_is_refused_or_gives_nothing(data):
    for junk in (data, sealed([], ended=False) + data):
        try:
            found, end = opened(junk)
        except SealedError:
            continue
        assert found == []
        assert end is not End.COMPLETE


def test_chunks_cannot_be_moved_repeated_or_left_out():
    sealer = Sealer(KEY, "pcmu/8000")
    one, two, end = sealer.chunk(b"one"), sealer.chunk(b"two"), sealer.end()
    assert opened(sealer.head + one + two + end) == ([b"one", b"two"], End.COMPLETE)
    assert opened(sealer.head + one + one + end) == ([b"one"], End.DAMAGED)
    assert opened(sealer.head + one + end) == ([b"one"], End.DAMAGED)
    assert opened(sealer.head + one + two + end + one) == ([b"one", b"two"], End.DAMAGED)
    with pytest.raises(SealedError):
        opened(sealer.head + two + one + end)


def test_another_key_opens_nothing_and_the_same_key_never_seals_two_files_alike():
    with pytest.raises(SealedError):
        opened(sealed([b"voice"]), bytes(KEY_BYTES))
    one, other = sealed([b"voice"]), sealed([b"voice"])
    assert one[-20:] != other[-20:]
    with pytest.raises(ValueError, match="32 bytes"):
        Sealer(b"short", "pcmu/8000")


@pytest.mark.req("V2")
@given(chunks, st.integers(0, 400))
def test_finishing_keeps_every_whole_chunk_and_may_be_repeated(contents, cut):
    whole = sealed(contents)
    head = len(sealed([], ended=False))
    file = io.BytesIO(whole[: max(head, len(whole) - cut)])
    before, _ = opened(file.getvalue())
    file.seek(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda _descriptor: None)
        file.fileno = lambda: -1
        total, _ = finish(file, KEY)
    assert opened(file.getvalue()) == (before, End.COMPLETE)
    assert total == sum(map(len, before))
    file.seek(0)
    assert finish(file, KEY) == (total, End.COMPLETE)


def test_zeros_of_a_lost_power_supply_are_cut_off_and_a_forged_tail_is_left_as_evidence():
    whole = sealed([b"voice"], ended=False)
    assert opened(whole + bytes(5000)) == ([b"voice"], End.CUT)
    forged = io.BytesIO(whole + bytes(100) + b"x")
    assert finish(forged, KEY) == (5, End.DAMAGED)
    assert forged.getvalue() == whole + bytes(100) + b"x"


def test_sizes_are_limited_both_ways():
    sealer = Sealer(KEY, "pcmu/8000")
    for content in (b"", bytes(MAX_CHUNK + 1)):
        with pytest.raises(ValueError, match="chunk"):
            sealer.chunk(content)
    sealer.end()
    with pytest.raises(ValueError, match="end mark"):
        sealer.chunk(b"x")
    huge = sealed([b"x"], ended=False) + b"\x7f\xff\xff\xff" + bytes(100)
    assert opened(huge) == ([b"x"], End.DAMAGED)

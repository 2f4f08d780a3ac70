"""Recordings become WAV that a player understands."""

import audioop
import io
import wave

import pytest

from ringwall.core.media import wav


def test_every_code_is_the_sample_that_it_stands_for():
    codes = bytes(range(256))
    assert wav.linear(codes) == audioop.ulaw2lin(codes, 2)


def test_a_file_is_read_by_others():
    sound = bytes(range(256)) * 100
    file = io.BytesIO(wav.header(len(sound)) + wav.linear(sound))
    with wave.open(file) as found:
        assert found.getparams()[:4] == (1, 2, 8000, len(sound))
        assert audioop.lin2ulaw(found.readframes(len(sound)), 2).replace(b"\x7f", b"\xff") == sound.replace(
            b"\x7f", b"\xff"
        )
    assert len(wav.header(0)) == wav.HEADER_BYTES


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="2 GiB"):
        wav.header(2**30)

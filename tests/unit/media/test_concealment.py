"""What is made up for lost packets: like what was before, softer and softer, and never a click."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.media.concealment import HISTORY, LENGTH, Filler, pitch


def sine(hertz, count, start=0, peak=8000):
    return (peak * np.sin(2 * np.pi * hertz * (start + np.arange(count)) / 8000)).astype(np.int16)


@given(st.integers(55, 195))
def test_the_pitch_of_a_voice_is_found(hertz):
    voice = sine(hertz, HISTORY) + sine(2 * hertz, HISTORY, peak=4000)
    assert pitch(voice.astype(np.float32)) == pytest.approx(8000 / hertz, abs=2.5)


@pytest.mark.parametrize("hertz", [80, 120, 200, 400])
def test_a_lost_packet_sounds_more_like_the_voice_than_silence_does(hertz):
    before, lost = sine(hertz, HISTORY), sine(hertz, 160, HISTORY)
    made = Filler(before).take(160)
    error, silence = np.square(made - lost).mean(), np.square(lost.astype(float)).mean()
    assert error < silence / 4


@given(st.integers(50, 1000))
def test_the_joints_do_not_click(hertz):
    before = sine(hertz, HISTORY)
    filler = Filler(before)
    made = np.concatenate([before[-1:], filler.take(480)])
    steepest = 8000 * 2 * np.pi * hertz / 8000
    assert np.abs(np.diff(made)).max() <= 3 * steepest + 200
    real = sine(hertz, 160, HISTORY + 480)
    filler.blend_into(real)
    assert abs(float(real[0])) < 500  # it comes out of silence


@given(
    st.lists(st.integers(-32768, 32767), min_size=HISTORY, max_size=HISTORY), st.lists(st.integers(1, 160))
)
def test_nothing_is_louder_than_what_was_and_all_ends_in_silence(history, parts):
    filler = Filler(np.array(history, np.int16))
    loudest = max(abs(value) for value in history)
    for count in parts:
        made = filler.take(count)
        assert len(made) == count
        assert np.isfinite(made).all()
        assert np.abs(made).max() <= loudest + 1
    filler.take(LENGTH)
    assert filler.over
    assert not filler.take(160).any()


def test_sound_that_is_like_nothing_before_it_is_no_error():
    history = np.zeros(HISTORY, np.int16)
    history[200:320], history[-160:] = -9000, 9000
    made = Filler(history).take(480)
    assert np.abs(made).max() <= 9000


def test_silence_is_followed_by_silence():
    assert not Filler(np.zeros(HISTORY, np.int16)).take(480).any()

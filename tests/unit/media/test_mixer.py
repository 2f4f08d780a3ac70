"""Rooms: who hears whom is what the matrix says, nothing wraps, nothing clicks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringwall.media.mixer import Mixer, Plan, limited, matrix
from ringwall.media.playout import FRAME

NAMES = "abcdefgh"


@st.composite
def rooms(draw):
    """Rooms without a common row, each with its matrix."""
    rows = draw(st.permutations(range(40)))
    made = []
    while rows and draw(st.booleans()):
        size = draw(st.integers(1, min(9, len(rows))))
        gains = draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), min_size=size**2, max_size=size**2))
        made.append((rows[:size], np.array(gains, np.float32).reshape(size, size)))
        rows = rows[size:]
    return made


@given(rooms(), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_each_hears_exactly_what_its_matrix_says(made, seed):
    said = np.random.default_rng(seed).integers(-9000, 9000, (41, FRAME)).astype(np.float32)
    said[40] = 0
    wanted = np.zeros_like(said)
    for rows, gains in made:
        for listener, hearer in enumerate(rows):
            for speaker, source in enumerate(rows):
                wanted[hearer] += gains[listener, speaker] * said[source]
    assert np.allclose(Plan(made).mix(said)[:40], wanted[:40], atol=0.5)


@given(
    st.lists(st.sampled_from(NAMES), unique=True, min_size=1),
    st.dictionaries(
        st.sampled_from("*" + NAMES), st.dictionaries(st.sampled_from("*" + NAMES), st.floats(0, 4))
    ),
)
def test_an_exact_name_goes_before_the_star_and_nobody_hears_themselves_by_it(legs, hears):
    hears = {
        listener: {speaker: gain for speaker, gain in gains.items() if speaker in ("*", *legs)}
        for listener, gains in hears.items()
        if listener in ("*", *legs)
    }
    gains = matrix(legs, hears)
    for at, listener in enumerate(legs):
        row = hears.get(listener, hears.get("*", {}))
        for place, speaker in enumerate(legs):
            default = 0.0 if speaker == listener else row.get("*", 0.0)
            assert gains[at, place] == pytest.approx(row.get(speaker, default))


@pytest.mark.req("C2")
def test_monitor_coach_and_barge_are_rows_of_the_matrix():
    legs = ["agent", "customer", "boss"]
    both = {"agent": {"customer": 1}, "customer": {"agent": 1}}
    monitor = matrix(legs, both | {"boss": {"*": 1}})
    assert monitor.tolist() == [[0, 1, 0], [1, 0, 0], [1, 1, 0]]
    coach = matrix(legs, {"agent": {"*": 1}, "customer": {"agent": 1}, "boss": {"*": 1}})
    assert coach.tolist() == [[0, 1, 1], [1, 0, 0], [1, 1, 0]]
    assert matrix(legs, {"*": {"*": 1}}).tolist() == [[0, 1, 1], [1, 0, 1], [1, 1, 0]]


def test_two_that_shout_are_clipped_and_never_wrap():
    loud = np.full((4, FRAME), 30000, np.float32)
    loud[3] = 0
    heard = limited(Plan([([0, 1, 2], matrix("abc", {"*": {"*": 1}}))]).mix(loud))
    assert (heard[:3] == 32767).all()
    assert (limited(-2 * loud)[:3] == -32768).all()


def test_a_change_fades_over_one_tick():
    said = np.full((3, FRAME), 10000, np.float32)
    said[2] = 0
    mixer = Mixer()
    assert not mixer.mix(said).any()
    mixer.change(Plan([([0, 1], matrix("ab", {"*": {"*": 1}}))]))
    fading = mixer.mix(said)[0]
    assert fading[0] == 0
    assert np.abs(np.diff(fading)).max() < 100
    assert (mixer.mix(said)[:2] == 10000).all()
    mixer.change(Plan())
    fading = mixer.mix(said)[1]
    assert fading[0] == 10000
    assert np.abs(np.diff(fading)).max() < 100
    assert not mixer.mix(said).any()

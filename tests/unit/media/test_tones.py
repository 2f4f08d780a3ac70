"""Tones: the right frequencies with the right cadence, at a level that does not hurt, without clicks."""

import numpy as np
import pytest

from ringwall.media import tones
from ringwall.media.errors import MediaError

EVERY = [
    (country, name)
    for country, known in tones.COUNTRIES.items()
    for name in (*known, "beep", "warning", "page")
]


def level(sound, hertz):
    wave = np.exp(-2j * np.pi * hertz * np.arange(len(sound)) / 8000)
    return 2 * abs(np.dot(sound.astype(float), wave)) / len(sound)


@pytest.mark.parametrize(("country", "name"), EVERY)
def test_each_part_sounds_for_its_time_at_its_frequencies(country, name):
    cadence = tones.cadence(name, country)
    sound, at = tones.samples(cadence), 0
    for part in cadence.parts:
        piece = sound[at : at + round(part.seconds * 8000)]
        at += len(piece)
        if not part.hertz:
            assert not piece.any()
            continue
        whole = piece[: len(piece) // 800 * 800] if len(piece) >= 800 else piece
        for hertz in part.hertz:
            assert level(whole, hertz) > 2000
        assert level(whole, 3100) < 150
        assert np.abs(piece.astype(int)).max() < 12000
    assert at == len(sound)


@pytest.mark.parametrize(("country", "name"), EVERY)
def test_a_round_leads_over_to_the_next_without_a_click(country, name):
    sound = tones.samples(tones.cadence(name, country)).astype(int)
    steepest = max(np.abs(np.diff(sound)))
    assert abs(int(sound[0]) - int(sound[-1])) <= steepest


@pytest.mark.parametrize(
    ("country", "busy"),
    [
        ("US", (480, 620, 0.5)),
        ("GB", (400, 0.375)),
        ("DE", (425, 0.48)),
        ("FR", (440, 0.5)),
        ("XX", (425, 0.5)),
    ],
)
def test_busy_is_what_people_of_the_country_know(country, busy):
    first, second = tones.cadence("busy", country).parts
    assert (*first.hertz, first.seconds) == busy
    assert second == tones.Part(busy[-1])


def test_a_country_that_is_not_listed_sounds_as_most_do_and_an_unknown_tone_is_refused():
    assert tones.cadence("busy", "ZW") == tones.cadence("busy", tones.DEFAULT)
    with pytest.raises(MediaError, match="There is no tone"):
        tones.cadence("siren", "US")


def test_every_country_has_every_tone():
    assert all(
        set(known) >= {"dial", "ringback", "busy", "congestion", "intercept"}
        for known in tones.COUNTRIES.values()
    )

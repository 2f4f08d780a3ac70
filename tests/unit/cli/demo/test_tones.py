"""Tones: what is made is found, and nothing else is."""

import array
import os
import random

import pytest

from ringwall.cli.demo.tones import RATE, has, heard, power_at, tone


@pytest.mark.parametrize("hertz", [150, 440, 1000, 1900])
def test_a_tone_is_heard_at_its_frequency(hertz: int) -> None:
    assert heard(tone(hertz, 0.5)) == hertz


def test_silence_noise_and_two_equal_tones_are_no_tone() -> None:
    chance = random.Random(7)
    noise = array.array("h", (chance.randint(-9000, 9000) for _ in range(RATE))).tobytes()
    pair = array.array("h", (a + b for a, b in zip(_samples(440), _samples(1000), strict=True))).tobytes()
    assert heard(bytes(2 * RATE)) is None
    assert heard(noise) is None
    assert heard(pair) is None


def test_only_the_last_half_second_counts() -> None:
    assert heard(tone(440, 2.0) + tone(1000, 0.5)) == 1000


def test_too_little_sound_is_no_tone() -> None:
    assert heard(tone(440, 0.1)) is None
    assert heard(b"") is None
    assert heard(b"\x01") is None


def test_the_share_of_a_pure_tone_is_one_and_of_random_bytes_next_to_nothing() -> None:
    samples = array.array("h")
    samples.frombytes(tone(1000, 0.5))
    assert power_at(samples, 1000) == pytest.approx(1.0, abs=0.02)
    junk = array.array("h")
    junk.frombytes(os.urandom(RATE))
    assert power_at(junk, 1000) < 0.05


def _samples(hertz: int) -> "array.array[int]":
    samples = array.array("h")
    samples.frombytes(tone(hertz, 0.5))
    return samples


def test_two_tones_are_found_in_one_another_and_a_third_is_not() -> None:
    one, other = array.array("h"), array.array("h")
    one.frombytes(tone(520, 1.0))
    other.frombytes(tone(710, 1.0))
    mixed = array.array("h", map(sum, zip(one, other, strict=True))).tobytes()
    assert has(mixed, 520)
    assert has(mixed, 710)
    assert not has(mixed, 930)
    assert not has(bytes(16000), 520)

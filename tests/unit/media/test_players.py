"""Players: items follow each other without a gap, loops go on, and each end is told once."""

import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.media.errors import MediaError
from ringwall.media.players import Player
from ringwall.media.prompts import Prompts
from ringwall.media.sound import Loop, PromptSound

TICK = 160


def ramp(count, start=1):
    return np.arange(start, start + count, dtype=np.int16)


class Rig:
    def __init__(self, *items, **choices):
        self.ended = []
        self.player = Player(
            "p", None, items, asked=None, ended=lambda _, reason: self.ended.append(reason), **choices
        )

    def play(self, ticks=1000):
        found = []
        for _ in range(ticks):
            sound = self.player.take()
            if self.ended and sound is None:
                break
            found.append(sound if sound is not None else np.zeros(0))
            if self.ended:
                break
        return np.concatenate(found) if found else np.zeros(0)


def once(samples):
    return lambda: Loop(samples, len(samples))


@given(st.lists(st.integers(1, 500), min_size=1, max_size=6))
def test_items_follow_each_other_without_a_gap(lengths):
    pieces, start = [], 1
    for length in lengths:
        pieces.append(ramp(length, start))
        start += length
    rig = Rig(*map(once, pieces))
    heard = rig.play()
    whole = np.concatenate(pieces)
    assert np.array_equal(heard[: len(whole)], whole)
    assert not heard[len(whole) :].any()
    assert len(heard) - len(whole) < TICK
    assert rig.ended == ["end"]
    assert rig.player.seconds == pytest.approx(len(whole) / 8000)


def test_a_loop_goes_on_until_it_is_stopped_and_then_fades():
    rig = Rig(once(np.full(700, 8000, np.int16)), loop=True)
    assert (rig.play(100) == 8000).all()
    assert rig.ended == []
    rig.player.stop("stopped")
    last = rig.player.take()
    assert last[0] == 8000
    assert last[-1] == 0
    assert np.abs(np.diff(last)).max() < 300
    assert rig.ended == ["stopped"]


def test_a_loop_of_nothing_ends_instead_of_spinning():
    empty = Late()
    empty.samples, empty.ready = ramp(0), True
    rig = Rig(lambda: empty, loop=True)
    assert rig.player.take() is None
    assert rig.ended == ["end"]


def test_a_gain_makes_it_softer():
    rig = Rig(once(ramp(320)), gain=0.5)
    assert np.array_equal(rig.play(), ramp(320) * 0.5)


class Late:
    """A source whose samples come later."""

    why = ""
    closed = False
    ready = False

    def __init__(self):
        self.samples = ramp(200)

    def take(self, count):
        part, self.samples = self.samples[:count], self.samples[count:]
        return part

    def close(self):
        self.closed = True


def test_what_is_still_on_its_way_is_waited_for_and_nothing_of_it_is_lost():
    late = Late()
    rig = Rig(once(ramp(100)), lambda: late)
    first = rig.player.take()
    assert np.array_equal(first[:100], ramp(100))
    assert not rig.player.take().any()
    late.ready = True
    assert np.array_equal(rig.play()[:200], ramp(200))
    assert rig.ended == ["end"]


def test_a_source_that_fails_ends_the_player_and_says_why():
    late = Late()
    late.samples, late.ready, late.why = ramp(0), True, "the disk is gone"
    rig = Rig(lambda: late, once(ramp(100)))
    assert rig.player.take() is None
    assert (rig.ended, rig.player.why) == (["failed"], "the disk is gone")
    assert late.closed


def write(path, samples, rate=8000):
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())


@pytest.fixture
def prompts(files, tmp_path):
    write(tmp_path / "voice" / "digits" / "3.wav", ramp(800))
    write(tmp_path / "voice" / "wide.wav", ramp(800), rate=16000)
    write(tmp_path / "moh" / "song.wav", ramp(1600))
    (tmp_path / "voice" / "broken.wav").write_bytes(b"RIFF")
    (tmp_path / "secret.wav").write_bytes(b"")
    return Prompts(files, tmp_path / "voice", tmp_path / "moh")


def test_prompts_are_found_by_name_and_kept(prompts, files):
    assert prompts.music == ["moh/song"]
    assert prompts.seconds("digits/3") == 0.1
    sound = PromptSound(prompts, "digits/3")
    assert not sound.ready
    files.collect()
    assert np.array_equal(sound.take(1000), ramp(800))
    assert PromptSound(prompts, "digits/3").ready


@pytest.mark.parametrize(
    "name",
    ["../secret", "digits/../../secret", "/etc/passwd", "wide", "broken", "", "digits/3.wav", "moh/../voice"],
)
def test_no_name_leads_out_of_the_folders(prompts, name):
    with pytest.raises(MediaError) as caught:
        prompts.seconds(name)
    assert caught.value.code == "unknown"


def test_a_prompt_that_vanished_is_a_failure_that_says_so(prompts, files, tmp_path):
    (tmp_path / "voice" / "digits" / "3.wav").unlink()
    sound = PromptSound(prompts, "digits/3")
    files.collect()
    assert sound.ready
    assert "cannot be read" in sound.why

"""Recorders: every second on disk and sealed, ended by the first of its reasons, told when the file is closed."""

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringwall.infra.sealed import End, Opener
from ringwall.media.g711 import PCMU, decode
from ringwall.media.recorders import Recorder, Voice
from ringwall.media.sound import KIND, RecordingSound

KEY = bytes(range(32))
TICK = 160


def voice(ticks, peak=6000.0, hertz=300):
    return (
        (peak * np.sin(2 * np.pi * hertz * np.arange(ticks * TICK) / 8000))
        .astype(np.float32)
        .reshape(ticks, TICK)
    )


class Rig:
    def __init__(self, files, path, **limits):
        self.files, self.path, self.ended = files, path, []
        self.recorder = Recorder(
            "r", None, path.name, asked=None, files=files, path=path, key=KEY,
            **{"most": 3600.0, "silence": 0.0} | limits,
            ended=lambda recorder, reason: self.ended.append((reason, recorder.seconds)),
        )  # fmt: skip

    def tick(self, sounds):
        for sound in sounds:
            self.recorder.tick(sound)
            self.files.collect()

    def opened(self):
        with self.path.open("rb") as file:
            opener = Opener(file, KEY)
            assert opener.kind == KIND
            content = b"".join(opener.chunks())
        return decode(content, PCMU), opener.end


@pytest.mark.req("C2", "V2")
@given(st.integers(1, 140))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)
def test_what_was_said_is_in_the_file_and_nothing_else(files, tmp_path, ticks):
    rig = Rig(files, tmp_path / f"m{ticks}-{os.urandom(4).hex()}")
    said = voice(ticks)
    rig.tick(said)
    assert rig.ended == []
    rig.recorder.stop("stopped")
    files.collect()
    assert rig.ended == [("stopped", pytest.approx(ticks * 0.02))]
    sound, end = rig.opened()
    assert end is End.COMPLETE
    assert len(sound) == ticks * TICK
    assert np.abs(sound - said.reshape(-1)).max() < 300  # what G.711 makes of it
    assert said.astype("<i2").tobytes()[:64] not in rig.path.read_bytes()


@pytest.mark.req("V2")
def test_a_crash_loses_less_than_a_second(files, tmp_path):
    rig = Rig(files, tmp_path / "m")
    rig.tick(voice(149))
    # Nobody ends it: what is on disk now is what a crash leaves.
    sound, end = rig.opened()
    assert end is End.CUT
    assert len(sound) == 2 * 8000


def test_it_ends_after_silence_but_not_in_a_short_pause(files, tmp_path):
    rig = Rig(files, tmp_path / "m", silence=1.0)
    quiet = np.random.default_rng(1).normal(0, 8, (200, TICK)).astype(np.float32)
    rig.tick(quiet[:20])
    rig.tick(voice(50) + quiet[:50])
    rig.tick(quiet[:40])
    rig.tick(voice(20))
    assert rig.ended == []
    rig.tick(quiet[:60])
    assert [reason for reason, _ in rig.ended] == ["silence"]
    assert 1.3 <= rig.recorder.voice_seconds <= 1.5


def test_it_ends_at_the_most_and_takes_nothing_while_paused(files, tmp_path):
    rig = Rig(files, tmp_path / "m", most=2.0)
    rig.tick(voice(50))
    rig.recorder.paused = True
    rig.tick(voice(500))
    rig.recorder.paused = False
    rig.tick(voice(100))
    assert rig.ended == [("most", 2.0)]
    assert len(rig.opened()[0]) == 16000


@pytest.mark.parametrize("noise", [0.0, 20.0, 150.0])
def test_voice_is_told_from_the_noise_of_the_line(noise):
    heard = Voice()
    random = np.random.default_rng(3)
    for _ in range(150):
        heard.tick(random.normal(0, noise, TICK).astype(np.float32))
    assert heard.ticks <= 3
    assert heard.quiet > 100
    for sound in voice(50, peak=3000):
        heard.tick(sound)
    assert heard.ticks >= 50


def test_a_name_that_is_there_is_never_written_over(files, tmp_path):
    (tmp_path / "m").write_bytes(b"somebody's message")
    rig = Rig(files, tmp_path / "m")
    rig.tick(voice(60))
    assert [reason for reason, _ in rig.ended] == ["failed"]
    assert "there already" in rig.recorder.why
    assert (tmp_path / "m").read_bytes() == b"somebody's message"


@pytest.mark.req("R2")
def test_a_disk_that_is_full_ends_the_recorder_and_says_why(files, tmp_path, monkeypatch):
    rig = Rig(files, tmp_path / "m")
    rig.tick(voice(60))
    write = os.write

    def full(descriptor, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    rig.tick(voice(60))
    files.collect()
    monkeypatch.setattr(os, "write", write)
    assert [reason for reason, _ in rig.ended] == ["failed"]
    assert "No space left" in rig.recorder.why


def test_a_disk_that_hangs_ends_the_recorder_before_memory_is_full(files, tmp_path):
    rig = Rig(files, tmp_path / "m")
    rig.tick(voice(60))
    files.hold = True
    rig.tick(voice(50 * 40))
    assert rig.recorder.over
    assert len(files.jobs) < 40
    files.hold = False
    files.collect()
    assert [reason for reason, _ in rig.ended] == ["failed"]
    assert "too slow" in rig.recorder.why


@pytest.mark.parametrize("start", [0.0, 0.5, 1.0, 2.25, 99.0])
def test_a_recording_is_played_from_any_moment(files, tmp_path, start):
    rig = Rig(files, tmp_path / "m")
    rig.tick(voice(130))
    rig.recorder.stop("stopped")
    files.collect()
    whole, _ = rig.opened()
    sound = RecordingSound(files, tmp_path / "m", KEY, start)
    parts = []
    for _ in range(400):
        files.collect()
        if sound.ready:
            part = sound.take(TICK)
            if not len(part):
                break
            parts.append(part)
    played = np.concatenate(parts) if parts else np.zeros(0, np.int16)
    assert np.array_equal(played, whole[round(start * 8000) :])
    assert sound.why == ""
    sound.close()
    files.collect()


def test_a_recording_of_another_key_says_so_instead_of_noise(files, tmp_path):
    rig = Rig(files, tmp_path / "m")
    rig.tick(voice(60))
    for path, key, why in ((tmp_path / "m", bytes(32), "does not open"), (tmp_path / "x", KEY, "no such")):
        sound = RecordingSound(files, path, key, 0.0)
        files.collect()
        assert sound.ready
        assert not len(sound.take(TICK))
        assert why in sound.why

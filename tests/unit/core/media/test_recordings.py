"""The core closes, reads and removes recordings that a media server wrote."""

import base64

import pytest

from ringwall.core.media.errors import MediaAway, MediaRefusal
from ringwall.core.media.recordings import RecordingError, Recordings
from ringwall.infra.sealed import Sealer

KEY = b"k" * 32


class Media:
    """Answers as a media server would."""

    def __init__(self, *answers) -> None:
        self.answers = list(answers)
        self.asked = []

    async def ask(self, op, **fields):
        self.asked.append((op, fields))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def sealed(*chunks, end=True) -> bytes:
    sealer = Sealer(KEY, "pcmu/8000")
    content = sealer.head + b"".join(sealer.chunk(each) for each in chunks)
    return content + (sealer.end() if end else b"")


async def heard(recordings, name="vm-1", key=KEY):
    return [chunk async for chunk in recordings.sound(name, key)]


@pytest.mark.parametrize("end", [True, False], ids=["whole", "cut off"])
async def test_what_was_recorded_is_read_where_it_lies(tmp_path, end):
    (tmp_path / "vm-1").write_bytes(sealed(b"a" * 8000, b"b" * 500, end=end))
    assert await heard(Recordings(Media().ask, tmp_path)) == [b"a" * 8000, b"b" * 500]


async def test_nothing_is_read_with_another_key(tmp_path):
    (tmp_path / "vm-1").write_bytes(sealed(b"a" * 8000))
    with pytest.raises(RecordingError, match="does not open"):
        await heard(Recordings(Media().ask, tmp_path), key=b"x" * 32)


async def test_a_recording_on_another_host_is_fetched(tmp_path):
    content = sealed(b"a" * 8000, b"b" * 8000)
    parts = [content[:9000], content[9000:]]
    media = Media(*({"data": base64.b64encode(part).decode(), "size": len(content)} for part in parts))
    assert await heard(Recordings(media.ask, tmp_path)) == [b"a" * 8000, b"b" * 8000]
    assert [fields["offset"] for _, fields in media.asked] == [0, 9000]


@pytest.mark.parametrize(
    "answer",
    [MediaAway("no media server is there"), {"data": "?", "size": 1}, {}, MediaRefusal("no", "unknown")],
)
async def test_what_cannot_be_fetched_is_told(tmp_path, answer):
    with pytest.raises(RecordingError):
        await heard(Recordings(Media(answer).ask, tmp_path))


@pytest.mark.req("R2")
async def test_a_recording_is_closed_when_its_recorder_is_done(tmp_path):
    media = Media(MediaRefusal("is being written", "exists"), {"seconds": 7.5})
    assert await Recordings(media.ask, tmp_path).finish("vm-1", KEY) == 7.5
    assert await Recordings(Media(MediaRefusal("no", "unknown")).ask, tmp_path).finish("vm-1", KEY) == 0.0
    for trouble in (MediaAway("gone"), MediaRefusal("no", "failed"), {}):
        with pytest.raises(RecordingError):
            await Recordings(Media(trouble).ask, tmp_path).finish("vm-1", KEY)


async def test_a_recording_that_is_gone_is_removed_already(tmp_path):
    await Recordings(Media({}).ask, tmp_path).remove("vm-1")
    await Recordings(Media(MediaRefusal("no", "unknown")).ask, tmp_path).remove("vm-1")
    with pytest.raises(RecordingError):
        await Recordings(Media(MediaAway("gone")).ask, tmp_path).remove("vm-1")


async def test_the_room_where_recordings_lie_is_known(tmp_path):
    assert await Recordings(Media().ask, tmp_path).free_bytes() > 0
    with pytest.raises(RecordingError):
        await Recordings(Media().ask, tmp_path / "nowhere").free_bytes()

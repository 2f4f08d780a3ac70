"""The control link as the agent serves it: what is answered, and what is not."""

import asyncio

from ringwall.edge.agent.ng import NgRefused
from ringwall.edge.agent.server import Control
from ringwall.infra.frames import Frame, FrameReader, Kind, encode


class Transport(asyncio.Transport):
    def __init__(self):
        super().__init__()
        self.frames: list[Frame] = []
        self._reader = FrameReader()

    def write(self, data):
        self.frames += self._reader.feed(data)

    def get_write_buffer_size(self):
        return 0


class Ng:
    """Answers "good" at once, has no reply to "silent", refuses everything else."""

    def __init__(self):
        self.asked: list[bytes] = []

    def ask(self, command, answered):
        self.asked.append(command)
        if command == b"good":
            answered(b"reply", "")
        elif command == b"silent":
            answered(None, "rtpengine does not answer")
        else:
            raise NgRefused("not this one")


async def exchange(*frames: bytes) -> tuple[Ng, list[Frame]]:
    ng, transport = Ng(), Transport()
    control = Control(ng, {}, set())
    control.connection_made(transport)
    control.data_received(b"".join(frames))
    await asyncio.sleep(0)
    return ng, transport.frames


async def test_a_command_is_answered_with_its_reply_or_why_there_is_none():
    _, frames = await exchange(
        *(encode(Kind.NG, n, c) for n, c in enumerate((b"good", b"silent", b"bad"), 1))
    )
    assert [(frame.id, frame.kind) for frame in frames] == [
        (1, Kind.NG_REPLY),
        (2, Kind.ERROR),
        (3, Kind.ERROR),
    ]
    assert frames[0].payload == b"reply"


async def test_of_a_command_that_nobody_waits_for_only_failures_are_told():
    commands = (b"good", b"silent", b"bad")
    ng, frames = await exchange(*(encode(Kind.NG_QUIET, n, c) for n, c in enumerate(commands, 1)))
    assert ng.asked == list(commands)
    assert [(frame.id, frame.kind) for frame in frames] == [(2, Kind.ERROR), (3, Kind.ERROR)]

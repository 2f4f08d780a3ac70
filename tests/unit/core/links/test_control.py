"""The control link: questions and answers in frames."""

import asyncio
import json

import pytest

from ringwall.core.errors import EdgeRefused, EdgeUnavailable
from ringwall.core.links.control import ControlLink
from ringwall.infra.frames import Frame, FrameReader, Kind, encode
from unit.core.links.conftest import FakeEdge, running, until

pytestmark = pytest.mark.timeout(20)


class Agent:
    """Answers pings; keeps the rest for the test."""

    def __init__(self, edge: FakeEdge) -> None:
        self.frames: list[Frame] = []
        self.readers: dict[int, FrameReader] = {}
        self.silent = False
        self.peer = None
        edge.on_data = self.data

    def data(self, peer, data: bytes) -> None:
        self.peer = peer
        for frame in self.readers.setdefault(id(peer), FrameReader()).feed(data):
            if frame.kind is Kind.CALL and json.loads(frame.payload)["op"] == "ping":
                if not self.silent:
                    self.reply(Kind.REPLY, frame.id, b'{"ok": true}')
            else:
                self.frames.append(frame)

    def reply(self, kind: Kind, frame_id: int, payload: bytes) -> None:
        self.peer.transport.write(encode(kind, frame_id, payload))


@pytest.fixture
async def agent(edge) -> Agent:
    return Agent(edge)


@pytest.fixture
async def link(edge, agent):
    made = ControlLink(edge.dialler, ping_seconds=0.2, retry_seconds=0.01)
    async with running(made.run()):
        await until(lambda: made.up)
        yield made


async def test_answers_find_their_questions_in_any_order(link, agent) -> None:
    asked = [asyncio.ensure_future(link.ng(b"d%de" % number)) for number in range(3)]
    await until(lambda: len(agent.frames) == 3)
    for frame in reversed(agent.frames):
        agent.reply(Kind.NG_REPLY, frame.id, b"reply to " + frame.payload)
    assert await asyncio.gather(*asked) == [b"reply to d%de" % number for number in range(3)]


async def test_questions_of_one_turn_go_out_in_one_write(link, agent) -> None:
    writes = []
    real = link._transport.write
    link._transport.write = lambda data: (writes.append(data), real(data))
    asked = [asyncio.ensure_future(link.ng(b"d%de" % number)) for number in range(5)]
    await until(lambda: len(agent.frames) == 5)
    assert len([data for data in writes if b"d0e" in data]) == 1
    assert b"d4e" in next(data for data in writes if b"d0e" in data)
    for task in asked:
        task.cancel()


async def test_a_command_that_nobody_waits_for_is_sent_soon(link, agent) -> None:
    assert link.ng_nowait(b"d1e")
    await until(lambda: [frame.payload for frame in agent.frames] == [b"d1e"])
    agent.reply(Kind.NG_REPLY, agent.frames[0].id, b"done")
    assert link.ng_nowait(b"d2e")
    asked = asyncio.ensure_future(link.ng(b"d3e"))
    await until(lambda: [frame.payload for frame in agent.frames] == [b"d1e", b"d2e", b"d3e"])
    asked.cancel()


async def test_errors_of_the_edge_are_told_apart(link, agent) -> None:
    for code, kind in (("unavailable", EdgeUnavailable), ("refused", EdgeRefused), (None, EdgeRefused)):
        asked = asyncio.ensure_future(link.ng(b"de"))
        await until(lambda: agent.frames)
        agent.reply(
            Kind.ERROR, agent.frames.pop().id, json.dumps({"error": "because", "code": code}).encode()
        )
        with pytest.raises(kind, match="because"):
            await asked


async def test_an_operation_gives_its_answer_or_the_agent_s_sentence(link, agent) -> None:
    asked = asyncio.ensure_future(link.call({"op": "ban", "source": "192.0.2.9"}))
    await until(lambda: agent.frames)
    frame = agent.frames.pop()
    assert json.loads(frame.payload) == {"op": "ban", "source": "192.0.2.9"}
    agent.reply(Kind.REPLY, frame.id, b'{"ok": true, "cut": 3}')
    assert await asked == {"cut": 3}
    for answer in (b'{"ok": false, "error": "No."}', b'{"error": "No."}'):
        asked = asyncio.ensure_future(link.call({"op": "ban"}))
        await until(lambda: agent.frames)
        agent.reply(Kind.REPLY, agent.frames.pop().id, answer)
        with pytest.raises(EdgeRefused, match=r"^No\."):
            await asked


@pytest.mark.parametrize("answer", [b"nonsense", b"[]", b'"x"'])
async def test_an_answer_that_is_no_object_is_an_error(link, agent, answer) -> None:
    asked = asyncio.ensure_future(link.call({"op": "bans"}))
    await until(lambda: agent.frames)
    agent.reply(Kind.REPLY, agent.frames.pop().id, answer)
    with pytest.raises(EdgeUnavailable):
        await asked


async def test_no_answer_in_time_is_an_error_and_a_late_one_is_dropped(link, agent) -> None:
    with pytest.raises(EdgeUnavailable, match="did not answer within"):
        await link.ng(b"de", timeout=0.02)
    agent.reply(Kind.NG_REPLY, agent.frames[0].id, b"late")
    asked = asyncio.ensure_future(link.ng(b"d2e"))
    await until(lambda: len(agent.frames) == 2)
    agent.reply(Kind.NG_REPLY, agent.frames[1].id, b"right")
    assert await asked == b"right"


async def test_a_lost_link_fails_what_waits_and_comes_back(link, agent) -> None:
    asked = asyncio.ensure_future(link.ng(b"de", timeout=60))
    await until(lambda: agent.frames)
    agent.peer.transport.abort()
    with pytest.raises(EdgeUnavailable, match="lost"):
        await asked
    with pytest.raises(EdgeUnavailable, match="down"):
        await link.ng(b"de")
    assert not link.ng_nowait(b"de")
    await until(lambda: link.up)


async def test_what_may_be_lost_with_the_link_is_sent_again(link, agent, edge) -> None:
    """Nobody waits for the end of a relay; it must not stay open because the link broke at that moment."""
    assert link.ng_nowait(b"d3:onei1ee")
    await until(lambda: [frame.payload for frame in agent.frames] == [b"d3:onei1ee"])
    agent.frames.clear()
    agent.peer.transport.abort()
    await until(lambda: not link.up)
    assert not link.ng_nowait(b"d3:twoi2ee")
    await until(lambda: link.up)
    await until(
        lambda: [f.payload for f in agent.frames if f.kind is Kind.NG_QUIET] == [b"d3:onei1ee", b"d3:twoi2ee"]
    )


async def test_an_agent_that_does_not_answer_pings_is_given_up(link, agent, edge) -> None:
    agent.silent = True
    await until(lambda: not link.up)
    agent.silent = False
    await until(lambda: link.up)
    assert len(edge.peers) > 1


async def test_a_broken_frame_ends_the_connection_and_a_new_one_is_made(link, agent, edge) -> None:
    agent.peer.transport.write(b"\xff" * 20)
    await until(lambda: not link.up)
    await until(lambda: link.up)
    assert len(edge.peers) == 2

"""The control link's protocol: frames in, answers out, and what ends it."""

import asyncio
import json

import pytest

from ringwall.edge.agent import server
from ringwall.edge.agent.ng import NgRefused
from ringwall.edge.agent.server import Control
from ringwall.infra.errors import RingwallError
from ringwall.infra.frames import FrameReader, Kind, encode


class Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.aborted = False
        self.waiting = 0

    def write(self, data) -> None:
        self.writes.append(bytes(data))

    def abort(self) -> None:
        self.aborted = True

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def frames(self):
        return FrameReader().feed(b"".join(self.writes))


class FakeNg:
    def __init__(self) -> None:
        self.asked = []

    def ask(self, command: bytes, answered) -> None:
        if command == b"bad":
            raise NgRefused("this may not pass")
        self.asked.append((command, answered))


async def greet(asked):
    return {"hello": asked.get("name")}


async def refuse(_asked):
    raise RingwallError("Not now.")


async def crash(_asked):
    raise ZeroDivisionError


class Link:
    def __init__(self, links: set) -> None:
        self.ng = FakeNg()
        self.control = Control(self.ng, {"greet": greet, "refuse": refuse, "crash": crash}, links)
        self.wire = Wire()
        self.control.connection_made(self.wire)

    async def call(self, payload: bytes) -> dict:
        self.control.data_received(encode(Kind.CALL, 7, payload))
        while not self.wire.writes:  # noqa: ASYNC110 - a state, not an event
            await asyncio.sleep(0)
        (frame,) = self.wire.frames()
        assert (frame.kind, frame.id) == (Kind.REPLY, 7)
        return json.loads(frame.payload)


@pytest.fixture
async def link() -> Link:
    return Link(set())


async def test_an_operation_is_run_and_answered(link) -> None:
    assert await link.call(b'{"op": "greet", "name": "x"}') == {"ok": True, "hello": "x"}


async def test_a_refusal_is_its_sentence(link) -> None:
    assert await link.call(b'{"op": "refuse"}') == {"ok": False, "error": "Not now."}


async def test_a_bug_is_logged_and_tells_nothing(link, caplog) -> None:
    answer = await link.call(b'{"op": "crash"}')
    assert answer["ok"] is False
    assert "ZeroDivision" not in answer["error"]
    assert "ZeroDivision" in caplog.text


@pytest.mark.parametrize(
    "payload", [b"", b"x", b"[]", b"1", b"{}", b'{"op": 5}', b'{"op": ["greet"]}', b'{"op": "x"}']
)
async def test_what_is_no_operation_is_answered_so(link, payload) -> None:
    assert await link.call(payload) == {"ok": False, "error": "There is no such operation."}


async def test_answers_of_one_turn_go_out_in_one_write_each_with_its_id(link) -> None:
    link.control.data_received(b"".join(encode(Kind.NG, number, b"d%de" % number) for number in (1, 2, 3)))
    for command, answered in reversed(link.ng.asked):
        answered(b"reply to " + command, "")
    await asyncio.sleep(0)
    assert len(link.wire.writes) == 1
    assert [(frame.id, frame.payload) for frame in link.wire.frames()] == [
        (3, b"reply to d3e"),
        (2, b"reply to d2e"),
        (1, b"reply to d1e"),
    ]


async def test_a_command_without_a_reply_and_one_that_may_not_pass_are_told_apart(link) -> None:
    link.control.data_received(encode(Kind.NG, 1, b"de") + encode(Kind.NG, 2, b"bad"))
    link.ng.asked[0][1](None, "rtpengine does not answer")
    await asyncio.sleep(0)
    answers = {frame.id: json.loads(frame.payload) for frame in link.wire.frames()}
    assert answers[1] == {"error": "rtpengine does not answer", "code": "unavailable"}
    assert answers[2] == {"error": "this may not pass", "code": "refused"}


@pytest.mark.parametrize("data", [b"\xff" * 30, encode(Kind.REPLY, 1, b"{}"), encode(Kind.NG_REPLY, 1, b"")])
async def test_broken_framing_and_frames_that_the_core_never_sends_end_the_link(link, data) -> None:
    link.control.data_received(data)
    assert link.wire.aborted


async def test_a_reply_for_a_link_that_is_gone_is_dropped(link) -> None:
    link.control.data_received(encode(Kind.NG, 1, b"de"))
    link.control.connection_lost(None)
    link.ng.asked[0][1](b"late", "")
    await asyncio.sleep(0)
    assert link.wire.writes == []


async def test_a_core_that_does_not_read_is_cut_off(link) -> None:
    link.wire.waiting = server._WRITE_LIMIT + 1
    link.control.data_received(encode(Kind.NG, 1, b"de"))
    link.ng.asked[0][1](b"reply", "")
    await asyncio.sleep(0)
    assert link.wire.aborted


async def test_there_are_a_few_links_and_no_more() -> None:
    links: set[Control] = set()
    made = [Link(links) for _ in range(server._MOST_CONTROLS + 1)]
    assert [each.wire.aborted for each in made] == [False] * server._MOST_CONTROLS + [True]
    made[0].control.connection_lost(None)
    assert not Link(links).wire.aborted

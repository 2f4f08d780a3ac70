"""Joining byte streams: pairing, order, backpressure, ends."""

import asyncio

import pytest

from ringwall.edge.agent import http_join
from ringwall.edge.agent.http_join import UNAVAILABLE, Joiner


class Wire(asyncio.Transport):
    """A transport in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.aborted = False
        self.reading = True

    def write(self, data) -> None:
        assert not self.closed
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def set_write_buffer_limits(self, high=None, low=None) -> None:
        pass


def connect(protocol: asyncio.Protocol) -> Wire:
    wire = Wire()
    protocol.connection_made(wire)
    return wire


@pytest.fixture
async def joiner() -> Joiner:
    """It waits until the loop runs for the next time."""
    return Joiner(wait_seconds=0.0)


async def pass_time() -> None:
    """Let everything happen that is due."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_a_request_takes_the_core_connection_that_has_waited_longest(joiner) -> None:
    first, second, outside = joiner.core(), joiner.core(), joiner.outside()
    wires = [connect(first), connect(second)]
    wire = connect(outside)
    outside.data_received(b"GET / HTTP/1.1\r\n\r\n")
    assert [each.written for each in wires] == [b"GET / HTTP/1.1\r\n\r\n", b""]
    first.data_received(b"HTTP/1.1 200 OK\r\n\r\n")
    assert wire.written == b"HTTP/1.1 200 OK\r\n\r\n"
    assert list(joiner.idle) == [second]


async def test_a_request_waits_with_one_read_and_all_of_it_arrives_in_order(joiner) -> None:
    outside, core = joiner.outside(), joiner.core()
    wire = connect(outside)
    outside.data_received(b"one ")
    assert not wire.reading
    there = connect(core)
    assert wire.reading
    outside.data_received(b"two")
    assert there.written == b"one two"
    await pass_time()
    assert wire.written == b""


async def test_a_request_that_no_core_takes_gets_503_and_ends(joiner) -> None:
    outside = joiner.outside()
    wire = connect(outside)
    outside.data_received(b"GET")
    await pass_time()
    assert wire.closed
    assert wire.written == UNAVAILABLE
    assert b"Retry-After: 5\r\n" in UNAVAILABLE
    assert not joiner.waiting
    head, _, body = UNAVAILABLE.partition(b"\r\n\r\n")
    assert b"Content-Length: %d" % len(body) in head


async def test_those_who_wait_are_bounded(joiner, monkeypatch) -> None:
    monkeypatch.setattr(http_join, "_MOST_WAITING", 2)
    wires = [connect(joiner.outside()) for _ in range(3)]
    assert [wire.closed for wire in wires] == [False, False, True]
    monkeypatch.setattr(http_join, "_MOST_IDLE", 1)
    joiner.waiting.clear()
    assert [connect(joiner.core()).aborted for _ in range(3)] == [False, True, True]


async def test_a_slow_reader_stops_its_sender_and_only_that(joiner) -> None:
    core, outside = joiner.core(), joiner.outside()
    there, here = connect(core), connect(outside)
    outside.pause_writing()
    assert not there.reading
    assert here.reading
    outside.resume_writing()
    assert there.reading


async def test_the_end_of_one_side_is_the_end_of_the_other_after_what_was_written(joiner) -> None:
    core, outside = joiner.core(), joiner.outside()
    there, here = connect(core), connect(outside)
    core.data_received(b"last words")
    core.connection_lost(None)
    assert here.written == b"last words"
    assert here.closed
    assert not here.aborted
    outside.connection_lost(None)
    assert not there.aborted

    core, outside = joiner.core(), joiner.outside()
    there, here = connect(core), connect(outside)
    outside.connection_lost(ConnectionResetError())
    assert there.aborted


async def test_a_core_connection_that_ends_or_speaks_while_it_is_idle_is_not_given_out(joiner) -> None:
    gone, talkative, outside = joiner.core(), joiner.core(), joiner.outside()
    connect(gone)
    gone.connection_lost(None)
    wire = connect(talkative)
    talkative.data_received(b"HTTP/1.1 200 OK\r\n\r\n")
    assert wire.aborted
    talkative.connection_lost(None)
    assert not joiner.idle
    connect(outside)
    assert list(joiner.waiting) == [outside]


async def test_a_request_that_ends_while_it_waits_takes_no_connection(joiner) -> None:
    outside, core = joiner.outside(), joiner.core()
    connect(outside)
    outside.connection_lost(None)
    connect(core)
    assert list(joiner.idle) == [core]

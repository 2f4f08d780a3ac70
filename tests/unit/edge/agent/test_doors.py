"""The lines that HAProxy logs of handshakes that fail, as HAProxy 2.6 writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.edge.agent.doors import MOST_SOURCES, Doors

WRONG = "SSL handshake failure error:0A00010B:SSL routines::wrong version number"


def line(source: str = "192.0.2.7", door: str = "sips", what: str = WRONG) -> bytes:
    return f"door {door}~ {source}:40000 {what}\n".encode()


async def test_who_speaks_in_clear_text_is_counted_by_source_and_door_until_it_is_told() -> None:
    doors = Doors()
    for data in (
        line(),
        line(),
        line(door="https", what="SSL handshake failure error:0A00009C:SSL routines::http request"),
        line(
            "2001:db8::7", "phones", "SSL handshake failure error:0A00009B:SSL routines::https proxy request"
        ),
    ):
        doors.datagram_received(data, None)
    assert await doors.plain_text({}) == {
        "sources": [
            {"source": "192.0.2.7", "door": "sips", "times": 2},
            {"source": "192.0.2.7", "door": "https", "times": 1},
            {"source": "2001:db8::7", "door": "phones", "times": 1},
        ],
        "more": 0,
    }
    assert await doors.plain_text({}) == {"sources": [], "more": 0}


@pytest.mark.parametrize(
    "data",
    [
        line(what="SSL handshake failure error:0A000418:SSL routines::tlsv1 alert unknown ca"),
        line(what="Timeout during SSL handshake -"),
        line(door="inner"),
        b'192.0.2.7:1 [x] https~ agent_http/agent 0/0/0/1/1 500 12 - - ---- "GET /api/x:wrong version number HTTP/1.1"',
        b"",
        bytes(range(256)),
    ],
)
async def test_other_failures_and_other_lines_are_passed_over(data: bytes) -> None:
    doors = Doors()
    doors.datagram_received(data, None)
    assert await doors.plain_text({}) == {"sources": [], "more": 0}


async def test_so_many_sources_are_told_apart_and_the_rest_is_a_number() -> None:
    doors = Doors()
    for number in range(MOST_SOURCES + 7):
        doors.datagram_received(line(f"10.0.{number >> 8}.{number & 255}"), None)
    doors.datagram_received(line("10.0.0.0"), None)
    told = await doors.plain_text({})
    assert (len(told["sources"]), told["more"], told["sources"][0]["times"]) == (MOST_SOURCES, 7, 2)


@given(st.binary(max_size=600))
def test_any_line_is_taken_without_an_error(data: bytes) -> None:
    Doors().datagram_received(data, None)
    Doors().datagram_received(b"door sips " + data, None)

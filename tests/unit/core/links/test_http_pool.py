"""Idle connections that become requests."""

import asyncio

import pytest

from ringwall.core.links.http_pool import HttpPool, source_of
from unit.core.links.conftest import running, until

pytestmark = pytest.mark.timeout(20)

REQUEST = b"GET /api/x HTTP/1.1\r\nHost: x\r\nX-Ringwall-Source: 192.0.2.9\r\n\r\n"


async def application(scope, receive, send) -> None:
    assert scope["type"] == "http"
    content = f"{scope['client'][0] if scope['client'] else None} {scope['path']}".encode()
    headers = [(b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


@pytest.fixture
async def pool(edge):
    made = HttpPool(application, edge.dialler, size=3, retry_seconds=0.01)
    async with running(made.run()):
        await until(lambda: made.idle == 3 and len(edge.peers) == 3)
        yield made


async def test_the_first_byte_makes_a_request_of_an_idle_connection_and_another_takes_its_place(
    pool, edge
) -> None:
    assert pool.up
    peer = edge.peers[0]
    peer.transport.write(REQUEST[:1])
    await until(lambda: len(edge.peers) == 4 and pool.idle == 3)
    assert pool.active == 1
    peer.transport.write(REQUEST[1:])
    await until(lambda: peer.received.endswith(b"192.0.2.9 /api/x"))
    # Kept alive for the next request.
    peer.received = b""
    peer.transport.write(REQUEST)
    await until(lambda: peer.received.endswith(b"192.0.2.9 /api/x"))
    assert pool.active == 1
    peer.transport.close()
    await until(lambda: pool.active == 0)


async def test_an_idle_connection_that_the_edge_closes_is_replaced(pool, edge) -> None:
    edge.peers[1].transport.close()
    await until(lambda: len(edge.peers) == 4 and pool.idle == 3)


async def test_the_pool_fills_up_while_every_new_connection_is_taken_at_once(edge) -> None:
    """As when many requests wait for a core that has just come back."""
    pool = HttpPool(application, edge.dialler, size=3, retry_seconds=30)
    taken = 0

    async def take() -> None:
        nonlocal taken
        while taken < 20:
            if taken < len(edge.peers):
                edge.peers[taken].transport.write(REQUEST)
                taken += 1
            await asyncio.sleep(0)

    async with running(pool.run()):
        await take()
        await until(lambda: sum(b"/api/x" in peer.received for peer in edge.peers) == 20)
        await until(lambda: pool.idle == 3)


async def test_an_edge_that_closes_everything_is_not_dialled_in_a_tight_loop(edge, monkeypatch) -> None:
    waits = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        if seconds:
            waits.append(seconds)
        await real(0)

    monkeypatch.setattr("ringwall.core.links.http_pool.asyncio.sleep", sleep)
    pool = HttpPool(application, edge.dialler, size=3)

    edge.on_open = lambda peer: peer.transport.close()
    async with running(pool.run()):
        while len(waits) < 4:
            await real(0)
    assert len(edge.peers) <= 3 * (len(waits) + 1)


async def test_what_runs_ends_with_the_pool(edge) -> None:
    pool = HttpPool(application, edge.dialler, size=2)
    async with running(pool.run()):
        await until(lambda: len(edge.peers) == 2)
        edge.peers[0].transport.write(REQUEST)
        await until(lambda: edge.peers[0].received)
    await until(lambda: edge.lost >= 2)


@pytest.mark.parametrize(
    ("headers", "source"),
    [
        ([(b"x-ringwall-source", b"192.0.2.9")], ("192.0.2.9", 0)),
        ([(b"x-ringwall-source", b"2001:DB8::1")], ("2001:db8::1", 0)),
        ([], None),
        ([(b"x-ringwall-source", b"")], None),
        ([(b"x-ringwall-source", b"nonsense")], None),
        ([(b"x-ringwall-source", b"\xff")], None),
        ([(b"x-ringwall-source", b"192.0.2.9"), (b"x-ringwall-source", b"192.0.2.9")], None),
    ],
)
def test_the_source_is_one_valid_address_or_none(headers, source) -> None:
    assert source_of(headers) == source

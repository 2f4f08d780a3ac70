"""Slow clients: each way of holding a connection without using it, and what ends it. Times are shortened."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator

import pytest
import websockets

from system.edge_rig import ADDRESS, Core, Phone, Rig, edge, free_settings, request, until

pytestmark = pytest.mark.timeout(120)

HANDSHAKE = 1
UNREGISTERED = 3


def shortened(config: str) -> str:
    assert "autoexpire=60;updateexpire=0" in config
    assert "tcp_connection_lifetime=60\n" in config
    config = config.replace("autoexpire=60;updateexpire=0", f"autoexpire={UNREGISTERED};updateexpire=0")
    config = config.replace("tcp_connection_lifetime=60\n", f"tcp_connection_lifetime={UNREGISTERED}\n")
    return config.replace('"timer_interval", 5', '"timer_interval", 1')


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with edge(free_settings(handshake_seconds=HANDSHAKE), shortened) as running:
        yield running


@pytest.fixture
async def core(rig: Rig) -> AsyncIterator[Core]:
    attached = await Core.attach(rig)
    yield attached
    await attached.stop()


async def drip(phone: Phone, data: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        for at in range(len(data)):
            phone.send(data[at : at + 1])
            await asyncio.sleep(0.2)


async def talk(connection: websockets.ClientConnection) -> None:
    """Send whole messages, for as long as there is somebody who answers."""
    while True:
        await connection.send(request("OPTIONS", "sip:example.test", transport="WSS").decode())
        await connection.recv()
        await asyncio.sleep(0.2)


@contextlib.asynccontextmanager
async def dripping(phone: Phone, data: bytes) -> AsyncIterator[None]:
    task = asyncio.get_running_loop().create_task(drip(phone, data))
    try:
        yield
    finally:
        task.cancel()


@pytest.mark.req("R3")
@pytest.mark.parametrize("door", ["sips", "https", "inner"])
@pytest.mark.parametrize("start", [b"", b"\x16\x03\x01\x02\x00\x01"])
async def test_a_connection_without_a_handshake_is_cut(rig, door, start) -> None:
    with socket.create_connection((ADDRESS, getattr(rig.settings.ports, door))) as silent:
        silent.sendall(start)
        silent.settimeout(20)
        with contextlib.suppress(ConnectionError):
            assert await asyncio.to_thread(silent.recv, 1) == b""


@pytest.mark.req("R3")
async def test_a_phone_that_says_nothing_after_the_handshake_is_cut(rig) -> None:
    await (await Phone.connect(rig)).closed()


@pytest.mark.req("R3")
async def test_a_dripped_head_is_cut(rig) -> None:
    phone = await Phone.connect(rig)
    async with dripping(phone, request("OPTIONS", "sip:example.test") * 10):
        await phone.closed()


@pytest.mark.req("R3")
async def test_a_dripped_body_is_cut(rig, core) -> None:
    phone = await Phone.connect(rig)
    message = request("INVITE", "sip:101@example.test", body=b"x" * 1000)
    phone.send(message[:-1000])
    async with dripping(phone, message[-1000:]):
        await phone.closed()


@pytest.mark.req("R3")
async def test_a_flow_that_does_not_register_is_cut_although_it_keeps_talking(rig, core) -> None:
    phone = await Phone.connect(rig)
    message = request("OPTIONS", "sip:example.test")
    phone.send(message)
    assert (await phone.final()).status == 200
    async with dripping(phone, message * 10):
        await phone.closed()


@pytest.mark.req("R3")
async def test_a_browser_that_does_not_register_is_cut_although_it_keeps_talking(rig, core) -> None:
    uri = f"wss://{ADDRESS}:{rig.settings.ports.https}/ws"
    async with websockets.connect(
        uri, ssl=rig.world_context(), server_hostname="example.test", subprotocols=["sip"], compression=None
    ) as connection:
        talking = talk(connection)
        with pytest.raises(websockets.ConnectionClosed):
            await talking


@pytest.mark.req("R3")
async def test_a_dripped_http_request_is_cut_before_it_takes_a_connection_of_the_core(rig) -> None:
    head = b"POST /api/x HTTP/1.1\r\nHost: example.test\r\nContent-Length: 1000\r\n\r\n"
    for start, rest in ((b"", head), (head, b"x" * 1000)):
        reader, writer = await asyncio.open_connection(
            ADDRESS, rig.settings.ports.https, ssl=rig.world_context(), server_hostname="example.test"
        )
        writer.write(start)
        async with dripping(Phone(reader, writer), rest):
            async with asyncio.timeout(30):
                with contextlib.suppress(ConnectionError, ssl.SSLError):
                    answer = await reader.read(4096)
                    assert answer == b"" or b" 408 " in answer.partition(b"\r\n")[0]
        writer.close()


async def test_a_registered_phone_may_be_silent_for_longer_than_all_of_these(rig, core) -> None:
    phone = await Phone.connect(rig)
    path = (await phone.register(core)).get("Path")
    # All limits above have passed when an unregistered connection that is as old was cut.
    other = await Phone.connect(rig)
    other.send(request("OPTIONS", "sip:example.test"))
    await other.closed(60)
    await asyncio.sleep(UNREGISTERED + 2 * HANDSHAKE)
    core.send(
        request("OPTIONS", "sip:100@192.0.2.99", host="core1.ringwall.internal", extra=f"Route: {path}\r\n")
    )
    asked = await phone.next()
    assert asked.method == "OPTIONS"
    phone.send(asked.reply(200, "OK", tag="phone"))
    assert (await core.next("SIP/2.0")).status == 200
    # And a phone that sends keep-alives of RFC 5626 before anything else is no slow client.
    early = await Phone.connect(rig)
    early.send(b"\r\n\r\n")
    assert await early.reader.read(2) == b"\r\n"
    await early.register(core)
    for each in (phone, early):
        await each.close()
    await until(lambda: core.link.up)

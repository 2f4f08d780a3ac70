"""HTTP and WebSocket from outside, through HAProxy and the agent, to an application on connections that the core opened."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import httpx
import pytest
import websockets

from ringwall.core.links.http_pool import HttpPool
from ringwall.core.links.tls import Dialler
from system.edge_rig import ADDRESS, OTHER_ADDRESS, Core, Rig, Stream, edge, free_settings, request, until

pytestmark = pytest.mark.timeout(90)

HTTP_LIMIT = 300


async def application(scope, receive, send) -> None:
    """Say back what arrived."""
    if scope["type"] == "websocket":
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"].upper()})
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    headers = [[name.decode(), value.decode()] for name, value in scope["headers"]]
    told = {"client": scope["client"], "path": scope["path"], "headers": headers, "size": len(body)}
    content = json.dumps(told).encode()
    length = str(len(content)).encode()
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-length", length), (b"server", b"x")],
        }
    )
    await send({"type": "http.response.body", "body": content})


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with edge(free_settings(http_requests_per_source_10s=HTTP_LIMIT)) as running:
        yield running


@asynccontextmanager
async def pool_of(rig: Rig, size: int = 4) -> AsyncIterator[HttpPool]:
    made = HttpPool(application, Dialler.of(rig.layout, rig.settings), size=size)
    task = asyncio.get_running_loop().create_task(made.run())
    await until(lambda: made.idle == size)
    try:
        yield made
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def pool(rig: Rig) -> AsyncIterator[HttpPool]:
    async with pool_of(rig) as made:
        yield made


def client(rig: Rig, source: str = ADDRESS) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=f"https://{ADDRESS}:{rig.settings.ports.https}",
        transport=httpx.AsyncHTTPTransport(verify=rig.world_context(), local_address=source),
        headers={"Host": "example.test"},
        timeout=10,
    )


@pytest.mark.req("W2", "W5")
async def test_a_request_reaches_the_core_with_its_true_source_and_forged_ones_are_removed(rig, pool) -> None:
    forged = {
        "X-Ringwall-Source": "10.1.2.3",
        "x-ringwall-anything": "1",
        "X-Forwarded-For": "10.1.2.3",
        "Forwarded": "for=10.1.2.3",
    }
    async with client(rig, OTHER_ADDRESS) as http:
        answer = await http.get("/api/health", headers=forged)
    assert answer.status_code == 200
    told = answer.json()
    assert told["client"] == [OTHER_ADDRESS, 0]
    assert [value for name, value in told["headers"] if name == "x-ringwall-source"] == [OTHER_ADDRESS]
    assert not [name for name, _ in told["headers"] if "forwarded" in name or name == "x-ringwall-anything"]
    assert "server" not in answer.headers
    assert answer.headers["strict-transport-security"].startswith("max-age=")


async def test_many_requests_at_once_each_find_a_connection_and_the_pool_fills_up_again(rig, pool) -> None:
    async with client(rig) as http:
        answers = await asyncio.gather(*(http.post("/api/x", content=b"y" * 1000) for _ in range(40)))
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["size"] for answer in answers} == {1000}
    await until(lambda: pool.idle == 4)


async def test_a_websocket_of_the_api_passes_both_ways(rig, pool) -> None:
    uri = f"wss://{ADDRESS}:{rig.settings.ports.https}/api/events"
    async with websockets.connect(uri, ssl=rig.world_context(), server_hostname="example.test") as socket:
        await socket.send("hello")
        assert await socket.recv() == "HELLO"
        await socket.send("x" * 20000)
        assert await socket.recv() == "X" * 20000


async def test_a_large_answer_and_a_large_body_pass_whole(rig, pool) -> None:
    async with client(rig) as http:
        answer = await http.post("/api/upload", content=b"z" * 900_000)
        assert answer.json()["size"] == 900_000


async def test_what_is_no_path_of_the_api_gets_404_without_the_core(rig, pool) -> None:
    active = pool.active
    async with client(rig) as http:
        for path in ("/", "/apix", "/ws", "/.env", "/API/health"):
            answer = await http.get(path)
            assert answer.status_code == 404, path
            assert answer.headers["strict-transport-security"]
    assert pool.active == active


async def status_of(rig: Rig, head: bytes) -> int:
    """Send the head of a request, and nothing of a body; return the status, or 0 when the edge just hangs up."""
    reader, writer = await asyncio.open_connection(
        ADDRESS, rig.settings.ports.https, ssl=rig.world_context(), server_hostname="example.test"
    )
    writer.write(head + b"\r\n")
    try:
        return int((await reader.readline() or b"x 0").split()[1])
    except ConnectionError:
        return 0
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("head", "statuses"),
    [
        (b"TRACE /api/x HTTP/1.1\r\nHost: x\r\n", {405}),
        (b"CONNECT example.test:443 HTTP/1.1\r\nHost: example.test:443\r\n", {405}),
        (b"GET /api/x HTTP/1.0\r\n", {400}),
        (b"GET /api/" + b"x" * 5000 + b" HTTP/1.1\r\nHost: x\r\n", {414}),
        # What cannot be read as a request is answered by nothing.
        (b"GET /api/x HTTP/1.1\r\nHost: x\r\nX-Big: " + b"y" * 20000 + b"\r\n", {0}),
        (b"POST /api/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n", {411}),
        (b"POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n", {413}),
        (b"POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n", {0}),
        (b"GET /api/x HTTP/1.1\r\nHost: x\r\n" + b"".join(b"H%d: 1\r\n" % n for n in range(100)), {0}),
    ],
)
async def test_bad_methods_lengths_and_versions_are_refused_at_the_edge(rig, pool, head, statuses) -> None:
    active = pool.active
    assert await status_of(rig, head) in statuses
    assert pool.active == active


async def test_without_a_core_the_answer_is_503_within_a_few_seconds(rig) -> None:
    async with client(rig) as http:
        begun = time.monotonic()
        answer = await http.get("/api/health")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
        assert time.monotonic() - begun < 6


async def test_a_request_waits_for_a_core_that_comes_back(rig) -> None:
    async with client(rig) as http:
        asked = asyncio.get_running_loop().create_task(http.get("/api/health"))
        await asyncio.sleep(0.3)
        async with pool_of(rig):
            assert (await asked).status_code == 200


async def test_too_many_requests_of_one_source_get_429_and_others_are_served(rig, pool) -> None:
    async with client(rig, "127.0.0.77") as http:
        statuses = [(await http.get("/nothing")).status_code for _ in range(HTTP_LIMIT + 20)]
        assert set(statuses) == {404, 429}
        assert statuses[-1] == 429
    async with client(rig, "127.0.0.78") as http:
        assert (await http.get("/api/health")).status_code == 200


@pytest.mark.req("T3")
async def test_a_browser_registers_over_a_websocket_is_called_and_its_end_is_reported(rig) -> None:
    core = await Core.attach(rig)
    uri = f"wss://{ADDRESS}:{rig.settings.ports.https}/ws"
    context = rig.world_context()
    async with websockets.connect(
        uri, ssl=context, server_hostname="example.test", subprotocols=["sip"], compression=None
    ) as socket:
        local = "{}:{}".format(*socket.transport.get_extra_info("sockname")[:2])
        contact = "Contact: <sip:abc@xyz.invalid;transport=ws>\r\nSupported: path, outbound\r\n"
        await socket.send(request("REGISTER", "sip:example.test", transport="WSS", extra=contact).decode())
        seen = await core.next("REGISTER")
        assert seen.get("P-Ringwall-Flow").startswith(f"{local};proto=wss;id=")
        core.send(seen.reply(200, "OK"))
        assert "SIP/2.0 200" in await socket.recv()
        core.send(
            request(
                "INVITE",
                "sip:abc@xyz.invalid;transport=ws",
                host="core1.ringwall.internal",
                extra=f"Route: {seen.get('Path')}\r\nContact: <sip:core@core1.ringwall.internal>\r\n",
            )
        )
        invite = Stream().feed((await socket.recv()).encode())[0]
        assert invite.method == "INVITE"
        extra = "Contact: <sip:abc@xyz.invalid;transport=ws>\r\n"
        await socket.send(invite.reply(200, "OK", extra, tag="browser").decode())
        while (answer := await core.next("SIP/2.0")).status < 200:
            pass
        routes = [route.strip() for line in answer.all("Record-Route") for route in line.split(",")]
        core.send(
            request(
                "BYE",
                "sip:abc@xyz.invalid;transport=ws",
                host="core1.ringwall.internal",
                call_id=answer.get("Call-ID"),
                to_tag="browser",
                cseq=2,
                extra="".join(f"Route: {route}\r\n" for route in reversed(routes)),
            )
        )
        bye = Stream().feed((await socket.recv()).encode())[0]
        assert bye.method == "BYE"
        # The browser's own requests come by the same flow, also within the dialog.
        theirs = [route.strip() for line in invite.all("Record-Route") for route in line.split(",")]
        routes_out = "".join(f"Route: {route}\r\n" for route in theirs)
        info = request(
            "INFO", "sip:core@core1.ringwall.internal", transport="WSS", to_tag="from1", extra=routes_out
        )
        await socket.send(info.decode())
        assert (await core.next("INFO")).get("P-Ringwall-Flow").startswith(f"{local};proto=wss;")
    assert local in await core.reports_until(local)
    await core.stop()


async def test_a_websocket_without_the_sip_protocol_is_refused(rig) -> None:
    uri = f"wss://{ADDRESS}:{rig.settings.ports.https}/ws"
    with pytest.raises(websockets.InvalidHandshake):
        async with websockets.connect(uri, ssl=rig.world_context(), server_hostname="example.test"):
            pass

"""What HTTP answers say on every port, whoever makes them; and that HTTP/2 is spoken nowhere."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest

from ringwall.edge.haproxy_admin import HaproxyAdmin
from system.edge_rig import ADDRESS, OTHER_ADDRESS, Core, Rig, edge, free_settings, until

pytestmark = [pytest.mark.timeout(90), pytest.mark.req("W2")]

HTTP_LIMIT = 100
HANDSHAKE = 1
THIRD_ADDRESS = "127.0.0.3"
WANTED = {
    "strict-transport-security": "max-age=31536000",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
DOORS = ("https", "phones")
PLACE = {"https": b"/api/", "phones": b"/phone/"}


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with edge(free_settings(http_requests_per_source_10s=HTTP_LIMIT, handshake_seconds=HANDSHAKE)) as running:
        running.stop("agent")
        yield running


@pytest.fixture
async def inside(rig: Rig) -> AsyncIterator[None]:
    """What stands behind HAProxy in the agent's place says what the path names."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        name = head.split(b" ")[1].rsplit(b"/", 1)[1]
        if name == b"garbage":
            writer.write(b"nonsense\r\n\r\n")
        elif name != b"nothing":
            own = b"Server: secret\r\nX-Frame-Options: ALLOWALL\r\nX-Content-Type-Options: sniff\r\n"
            writer.write(b"HTTP/1.1 %b X\r\n%bContent-Length: 0\r\n\r\n" % (name, own))
        writer.close()

    path = rig.layout.edge_run / "agent-http.sock"
    path.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(serve, path)
    path.chmod(0o666)
    yield
    server.close()
    path.unlink(missing_ok=True)


async def connect(
    rig: Rig, door: str, source: str = ADDRESS, alpn: str = ""
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = rig.world_context()
    if alpn:
        context.set_alpn_protocols(alpn.split(","))
    port = getattr(rig.settings.ports, door)
    return await asyncio.open_connection(
        ADDRESS, port, ssl=context, server_hostname="example.test", local_addr=(source, 0)
    )


async def all_of(reader: asyncio.StreamReader) -> bytes:
    """What comes until the other side closes."""
    got = b""
    async with asyncio.timeout(15):
        with suppress(ConnectionError, ssl.SSLError):
            while data := await reader.read(65536):
                got += data
    return got


async def answer(rig: Rig, door: str, request: bytes, source: str = ADDRESS) -> tuple[int, dict[str, str]]:
    """Status and headers of the answer to a request; each header must be there once."""
    reader, writer = await connect(rig, door, source)
    writer.write(request)
    try:
        async with asyncio.timeout(15):
            status = int((await reader.readline()).split()[1])
            headers: dict[str, str] = {}
            while (line := (await reader.readline()).decode().strip()) != "":
                name, _, value = line.partition(":")
                assert name.lower() not in headers, f"{name} is there twice"
                headers[name.lower()] = value.strip()
    finally:
        writer.close()
    return status, headers


def get(path: bytes, method: bytes = b"GET", more: bytes = b"") -> bytes:
    return b"%b %b HTTP/1.1\r\nHost: example.test\r\n%b\r\n" % (method, path, more)


def is_protected(status: int, headers: dict[str, str]) -> None:
    assert {name: headers.get(name) for name in WANTED} == WANTED, status
    assert "server" not in headers
    assert headers.get("cache-control"), status


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("name", "status"),
    [
        (b"200", 200),
        (b"401", 401),
        (b"404", 404),
        (b"429", 429),
        (b"500", 500),
        (b"garbage", 502),
        (b"nothing", 502),
    ],
)
async def test_what_the_inside_says_is_protected_and_what_it_fails_to_say(
    rig, inside, door, name, status
) -> None:
    found, headers = await answer(rig, door, get(PLACE[door] + name))
    assert found == status
    is_protected(found, headers)
    if status == 200:
        is_protected(*await answer(rig, door, get(b"/firmware/metadata/200")))


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /api/x HTTP/1.0\r\n\r\n", 400),
        (get(b"/nothing/here"), 404),
        (get(b"/firmware/metadata/x", b"POST"), 405),
        (get(b"/api/x", b"TRACE"), 405),
        (get(b"/api/x", b"POST", b"Transfer-Encoding: chunked\r\n"), 411),
        (get(b"/api/x", b"POST", b"Content-Length: 99999999\r\n"), 413),
        (get(b"/api/" + b"x" * 5000), 414),
        (get(b"/firmware/metadata/200"), 503),
    ],
)
async def test_what_the_edge_itself_says_is_protected(rig, door, request_, status) -> None:
    found, headers = await answer(rig, door, request_)
    assert found == status
    is_protected(found, headers)


@pytest.mark.parametrize("door", DOORS)
async def test_a_body_that_does_not_come_is_told_so(rig, inside, door) -> None:
    found, headers = await answer(rig, door, get(PLACE[door] + b"200", b"POST", b"Content-Length: 5\r\n"))
    assert found == 408
    is_protected(found, headers)


@pytest.mark.parametrize("door", DOORS)
async def test_who_is_banned_or_asks_too_much_is_told_so(rig, door) -> None:
    reader, writer = await connect(rig, door, OTHER_ADDRESS)
    admin = HaproxyAdmin(rig.layout.haproxy_socket)
    bans = str(rig.layout.edge_run / "bans.acl")
    admin.ban(bans, OTHER_ADDRESS)
    writer.write(get(b"/nothing"))
    told = await reader.readuntil(b"\r\n\r\n")
    admin.unban(bans, OTHER_ADDRESS)
    writer.close()
    assert told.startswith(b"HTTP/1.1 403")
    assert b"strict-transport-security" in told.lower()
    while (found := await answer(rig, door, get(b"/nothing"), THIRD_ADDRESS))[0] != 429:
        assert found[0] == 404
    is_protected(*found)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "junk",
    [
        b"GET /x HTTP/1.1\r\nno header\r\n\r\n",
        get(b"/x", b"POST", b"Content-Length: 5\r\nContent-Length: 6\r\n"),
        get(b"/x", more=b"".join(b"H%d: 1\r\n" % n for n in range(100))),
        get(b"/" + b"x" * 20000),
        b"GET /x",
        b"\x00\x01\x02\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
        b"PRI * HTTP/2.0\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_closed_without_a_word(rig, door, junk) -> None:
    """HAProxy's own words for it would go out without the headers; the last two are the preface of HTTP/2."""
    reader, writer = await connect(rig, door)
    writer.write(junk)
    assert await all_of(reader) == b""
    writer.close()


async def test_the_websocket_is_protected_and_so_is_its_refusal(rig) -> None:
    wanted = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\n"
    found, headers = await answer(rig, "https", get(b"/ws", more=wanted + b"Sec-WebSocket-Protocol: sip\r\n"))
    assert found == 101
    is_protected(found, headers)
    found, headers = await answer(
        rig, "https", get(b"/ws", more=wanted + b"Sec-WebSocket-Protocol: mqtt\r\n")
    )
    assert found >= 400
    is_protected(found, headers)


@pytest.mark.parametrize("door", ["sips", *DOORS])
async def test_who_speaks_nothing_but_http_2_is_closed(rig, door) -> None:
    for alpn in ("h2", "h2,h3"):
        reader, writer = await connect(rig, door, alpn=alpn)
        with suppress(ConnectionError):
            writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9))
        assert await all_of(reader) == b""
        writer.close()


async def test_a_browser_that_could_speak_http_2_speaks_http_1_1(rig) -> None:
    for door in DOORS:
        reader, writer = await connect(rig, door, alpn="h2,http/1.1")
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        writer.write(get(b"/nothing"))
        assert (await reader.readline()).startswith(b"HTTP/1.1 404")
        writer.close()


async def test_no_http_gets_as_far_as_the_door_for_phones(rig) -> None:
    """Neither by what it offers nor by how it begins; and a phone may offer SIP."""
    core = await Core.attach(rig)
    reader, writer = await connect(rig, "sips", alpn="http/1.1")
    assert await all_of(reader) == b""
    for preface in (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"):
        reader, writer = await connect(rig, "sips", THIRD_ADDRESS)
        writer.write(preface)
        assert await all_of(reader) == b""
    await until(lambda: any(THIRD_ADDRESS in each for each in core.offences))
    reader, writer = await connect(rig, "sips", alpn="sip/2")
    assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "sip/2"
    writer.close()
    await core.stop()

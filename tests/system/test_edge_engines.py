"""Configurations are checked by the engines themselves before they replace what runs; and rtpengine by the control link."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringwall.core.errors import EdgeRefused, EdgeUnavailable
from ringwall.core.links.control import ControlLink
from ringwall.core.links.tls import Dialler
from ringwall.edge import engines, render
from ringwall.infra import accounts, pki
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings
from system.edge_rig import Core, Phone, Rig, edge, free_settings, until
from system.srtp_peer import Ng, sdp

pytestmark = pytest.mark.timeout(90)

FILES = ("haproxy/haproxy.cfg", "kamailio/kamailio.cfg", "rtpengine/rtpengine.conf")


@pytest.fixture
def system(tmp_path: Path) -> tuple[Layout, Settings]:
    """A data directory with everything that `configure` needs, and nothing that runs."""
    layout = Layout.of(tmp_path)
    settings = free_settings()
    for directory in accounts.directories(layout):
        directory.path.mkdir(exist_ok=True)
    pki.ensure_pki(layout, settings, chown=False)
    return layout, settings


def contents(layout: Layout) -> dict[str, bytes]:
    return {name: (layout.edge / name).read_bytes() for name in FILES if (layout.edge / name).exists()}


def test_the_first_configuration_is_checked_and_a_second_run_does_nothing(system) -> None:
    layout, settings = system
    trials = set(Path("/run").glob("ringwall-try-*"))
    assert engines.configure(layout, settings, chown=False) == ["haproxy", "kamailio", "rtpengine", "agent"]
    assert set(contents(layout)) == set(FILES)
    assert set(Path("/run").glob("ringwall-try-*")) <= trials
    before = {name: (layout.edge / name).stat().st_mtime_ns for name in FILES}
    begun = time.process_time()
    assert engines.configure(layout, settings, chown=False) == []
    assert time.process_time() - begun < 1
    assert {name: (layout.edge / name).stat().st_mtime_ns for name in FILES} == before


@pytest.mark.parametrize(
    ("engine", "line"),
    [
        ("haproxy", "    bogus-keyword on\n"),
        ("kamailio", "\nrequest_route { this_is_no_command(); }\n"),
        ("rtpengine", "\nlisten-ng = 192.0.2.254:1\n"),
    ],
)
def test_an_engine_that_refuses_leaves_every_file_as_it_was(system, monkeypatch, engine, line) -> None:
    layout, settings = system
    engines.configure(layout, settings, chown=False)
    before = contents(layout)
    trials = set(Path("/run").glob("ringwall-try-*"))
    good = getattr(render, engine)
    monkeypatch.setattr(render, engine, lambda edge: good(edge) + line)
    changed = settings.model_copy(update={"sip": settings.sip.model_copy(update={"ring_seconds": 33})})
    with pytest.raises(engines.EngineConfigError, match=f"{engine} (refuses|does not start|started)"):
        engines.configure(layout, changed, chown=False)
    assert contents(layout) == before
    assert set(Path("/run").glob("ringwall-try-*")) <= trials


def test_what_passes_the_checker_but_does_not_start_is_found_by_the_trial(system, monkeypatch) -> None:
    """`kamailio -c` does not start modules: an unknown mode of one passes it."""
    layout, settings = system
    good = render.kamailio
    monkeypatch.setattr(
        render,
        "kamailio",
        lambda edge: good(edge).replace('"restore_mode", "none"', '"restore_mode", "nonsense"'),
    )
    with pytest.raises(engines.EngineConfigError, match="kamailio does not start"):
        engines.configure(layout, settings, chown=False)
    assert contents(layout) == {}


def test_a_broken_certificate_is_found_before_anything_changes(system) -> None:
    layout, settings = system
    layout.world_pem.write_text("nonsense\n")
    with pytest.raises(engines.EngineConfigError, match="haproxy refuses its configuration"):
        engines.configure(layout, settings, chown=False)
    assert contents(layout) == {}


def test_configurations_are_closed_to_everybody_but_their_engine(system) -> None:
    layout, settings = system
    engines.configure(layout, settings, chown=False)
    for name in FILES:
        assert (layout.edge / name).stat().st_mode & 0o777 == 0o640


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with edge() as running:
        yield running


OFFER = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/SAVP 8\r\n"
    b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"
)


def bencode(value: object) -> bytes:
    if isinstance(value, dict):
        return b"d" + b"".join(bencode(key) + bencode(each) for key, each in value.items()) + b"e"
    if isinstance(value, list):
        return b"l" + b"".join(map(bencode, value)) + b"e"
    data = value if isinstance(value, bytes) else str(value).encode()
    return b"%d:%s" % (len(data), data)


async def test_rtpengine_works_for_the_core_and_refuses_what_the_core_has_no_business_with(rig) -> None:
    link = ControlLink(Dialler.of(rig.layout, rig.settings))
    task = asyncio.get_running_loop().create_task(link.run())
    await until(lambda: link.up)
    try:
        assert await link.ng(bencode({"command": "ping"})) == b"d6:result4:ponge"

        async def one(number: int) -> None:
            call = {"call-id": f"call-{number}", "from-tag": "a"}
            offer = {
                "command": "offer",
                **call,
                "sdp": OFFER,
                "transport-protocol": "RTP/SAVP",
                "ICE": "remove",
            }
            reply = await link.ng(bencode(offer))
            assert b"6:result2:ok" in reply
            assert b"m=audio " in reply
            port = int(reply.partition(b"m=audio ")[2].split()[0])
            assert rig.settings.ports.rtp_first <= port <= rig.settings.ports.rtp_last
            assert b"c=IN IP4 127.0.0.1" in reply
            if number % 2:
                assert link.ng_nowait(bencode({"command": "delete", **call}))
            else:
                assert b"6:result2:ok" in await link.ng(bencode({"command": "delete", **call}))

        await asyncio.gather(*(one(number) for number in range(100)))
        # All are gone at once: a delete that nobody waits for is sent within moments.
        while b"l" in (listed := (await link.ng(bencode({"command": "list"}))).partition(b"5:calls")[2])[:1]:
            if listed.startswith(b"le"):
                break
            await asyncio.sleep(0.02)
        for command in ("start recording", "start forwarding", "play DTMF", "subscribe request", "nonsense"):
            with pytest.raises(EdgeRefused, match="may not pass"):
                await link.ng(bencode({"command": command, "call-id": "x", "from-tag": "a"}))
        with pytest.raises(EdgeRefused, match="bencod"):
            await link.ng(b"hello")
        rig.stop("rtpengine")
        with pytest.raises(EdgeUnavailable, match="rtpengine does not answer"):
            await link.ng(bencode({"command": "ping"}))
        rig.start("rtpengine")
        while True:
            with contextlib.suppress(EdgeUnavailable):
                await link.ng(bencode({"command": "ping"}))
                break
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.mark.req("T1")
async def test_rtpengine_logs_no_keys_of_what_it_cannot_do(rig) -> None:
    ng = Ng(rig.settings.ports.ng)
    offer = sdp("192.0.2.1", 40000, "AES_CM_128_HMAC_SHA1_80", "0123456789abcdefghijklmnopqrstuvwxyzABCD")
    unreadable = offer.replace(b"m=audio 40000 ", b"m=audio 40000/40000 ")
    for command, body in (("offer", unreadable), ("answer", offer), ("answer", unreadable)):
        asked = {"command": command, "call-id": "gone", "from-tag": "a", "to-tag": "b", "sdp": body}
        assert b"6:result5:error" in await ng.ng(bencode(asked))
    assert b"6:result4:pong" in await ng.ng(bencode({"command": "ping"}))
    assert "inline:" not in rig.log("rtpengine")


@pytest.mark.req("R1")
@pytest.mark.parametrize("engine", ["kamailio", "haproxy", "agent"])
async def test_the_core_finds_an_edge_again_that_was_away(rig, engine) -> None:
    core = await Core.attach(rig)
    link = ControlLink(Dialler.of(rig.layout, rig.settings), ping_seconds=0.5)
    task = asyncio.get_running_loop().create_task(link.run())
    await until(lambda: link.up)
    rig.stop(engine)
    if engine == "agent":
        await until(lambda: not link.up)
    else:
        await until(lambda: not core.link.up)
    rig.start(engine)
    await until(lambda: core.link.up and link.up, 20)
    phone = await Phone.connect(rig)
    await phone.register(core)
    await phone.close()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await core.stop()

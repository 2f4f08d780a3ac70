"""The link to a media server, against a small server on a real socket."""

import asyncio
import json
from contextlib import asynccontextmanager, suppress

import pytest

from ringwall.core.media.errors import MediaAway, MediaRefusal
from ringwall.core.media.link import MediaLink, unix_dial
from ringwall.infra.frames import FrameReader, Kind, encode


class Server:
    """Answers hello, list and renew; other requests as a test says."""

    def __init__(self, path) -> None:
        self.path = path
        self.requests: list[dict] = []
        self.answers: dict[str, dict] = {}
        self.writers: list[asyncio.StreamWriter] = []
        self.server: asyncio.Server | None = None

    async def start(self) -> None:
        self.server = await asyncio.start_unix_server(self._serve, str(self.path))

    async def stop(self) -> None:
        if self.server is not None:
            self.server.close()
            self.drop()
            self.path.unlink()

    def drop(self) -> None:
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()

    def say(self, kind: Kind, number: int, value) -> None:
        self.writers[-1].write(encode(kind, number, json.dumps(value).encode()))

    async def _serve(self, reader, writer) -> None:
        self.writers.append(writer)
        frames = FrameReader()
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                for frame in frames.feed(data):
                    request = json.loads(frame.payload)
                    self.requests.append(request)
                    answer = self.answers.get(request["op"], {"ok": True})
                    if answer.get("silent") is None:
                        writer.write(encode(Kind.REPLY, frame.id, json.dumps(answer).encode()))

    def ops(self) -> list[str]:
        return [request["op"] for request in self.requests]


@asynccontextmanager
async def linked(tmp_path, *, start=True, **options):
    server = Server(tmp_path / "m.sock")
    if start:
        await server.start()
    link = MediaLink(unix_dial(server.path), "core1", retry_seconds=0.02, **options)
    task = asyncio.create_task(link.run())
    try:
        yield server, link
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await server.stop()


async def until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - any condition, polled
            await asyncio.sleep(0.005)


async def test_the_first_words_are_hello_and_list(tmp_path) -> None:
    async with linked(tmp_path) as (server, link):
        await until(lambda: link.up)
        assert server.requests[0] == {"op": "hello", "owner": "core1", "lease_seconds": 30}
        assert server.ops() == ["hello", "list"]


async def test_what_has_to_be_put_right_is_asked_before_the_link_is_up(tmp_path) -> None:
    async with linked(tmp_path, start=False) as (server, link):
        up_at: list[bool] = []
        link.settled = lambda hello, found: [{"op": "leg.close", "leg": "x", "boot": hello.get("boot")}]
        link.after = lambda: up_at.append(link.up)
        server.answers["hello"] = {"ok": True, "boot": "b1"}
        server.answers["leg.close"] = {"ok": False, "error": "no such leg", "code": "unknown"}
        await server.start()
        await until(lambda: link.up)
        assert server.requests[-1] == {"op": "leg.close", "leg": "x", "boot": "b1"}
        assert up_at == [True]


async def test_answers_and_refusals_come_to_who_asked(tmp_path) -> None:
    async with linked(tmp_path) as (server, link):
        await until(lambda: link.up)
        server.answers["leg.open"] = {"ok": True, "port": 5}
        server.answers["play"] = {"ok": False, "error": "there is no such prompt", "code": "unknown"}
        assert await link.call("leg.open", leg="a") == {"port": 5}
        with pytest.raises(MediaRefusal, match="no such prompt") as refused:
            await link.call("play")
        assert refused.value.code == "unknown"


async def test_events_are_handed_on_and_are_no_answers(tmp_path) -> None:
    events: list[dict] = []
    async with linked(tmp_path) as (server, link):
        link.event = events.append
        await until(lambda: link.up)
        server.say(Kind.CALL, 0, {"event": "dtmf", "leg": "a", "key": "5"})
        await until(lambda: events)
        assert events == [{"event": "dtmf", "leg": "a", "key": "5"}]


async def test_while_it_is_down_everything_is_refused_at_once(tmp_path) -> None:
    async with linked(tmp_path, start=False) as (_, link):
        with pytest.raises(MediaAway):
            await link.call("leg.open", leg="a")
        link.tell("leg.close", leg="a")


async def test_who_waits_when_the_link_is_lost_is_told_and_the_link_comes_back(tmp_path) -> None:
    async with linked(tmp_path) as (server, link):
        await until(lambda: link.up)
        server.answers["leg.open"] = {"silent": True}
        asked = asyncio.create_task(link.call("leg.open", leg="a"))
        await until(lambda: "leg.open" in server.ops())
        server.drop()
        with pytest.raises(MediaAway, match="lost"):
            await asked
        await until(lambda: link.up)
        assert server.ops().count("hello") == 2


@pytest.mark.parametrize("junk", [b"\xff" * 64, encode(Kind.CALL, 0, b"{"), encode(Kind.CALL, 0, b"[]")])
async def test_what_cannot_be_read_drops_the_connection_and_it_is_dialled_again(tmp_path, junk) -> None:
    async with linked(tmp_path) as (server, link):
        await until(lambda: link.up)
        server.writers[-1].write(junk)
        await until(lambda: server.ops().count("hello") == 2)


async def test_the_lease_is_renewed_in_time(tmp_path) -> None:
    async with linked(tmp_path, lease_seconds=0.09) as (server, link):
        await until(lambda: server.ops().count("renew") >= 3)
        assert link.up


async def test_a_renewal_that_is_refused_begins_anew(tmp_path) -> None:
    async with linked(tmp_path, lease_seconds=0.09) as (server, link):
        await until(lambda: link.up)
        server.answers["renew"] = {"ok": False, "error": "hello first", "code": "hello-first"}
        await until(lambda: server.ops().count("hello") >= 2)


async def test_a_hello_that_is_refused_is_tried_again(tmp_path) -> None:
    async with linked(tmp_path, start=False) as (server, link):
        server.answers["hello"] = {"ok": False, "error": "full"}
        await server.start()
        await until(lambda: server.ops().count("hello") >= 3)
        assert not link.up
        server.answers.clear()
        await until(lambda: link.up)

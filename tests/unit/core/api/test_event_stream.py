"""`GET /api/events`: who has signed in hears what their role may see, in order, and goes on behind a cursor."""

import asyncio
import contextlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core.api import event_stream
from ringwall.core.api.app import create_app
from ringwall.core.feed import Bus, Feed
from ringwall.core.identity.permissions import Role
from ringwall.core.operations import Operations
from ringwall.events.calls import CallClearText
from ringwall.events.security import SignInLimited
from ringwall.events.trunks import TrunkDown, TrunkUp
from support.accounts import PASSWORD, put_account
from support.events import JSON

pytestmark = pytest.mark.req("I2", "W2")

SOURCE = [(b"x-ringwall-source", b"203.0.113.7")]


class Client:
    """A WebSocket as the server sees it; `says` is what comes, `closed` the code with which it ended."""

    def __init__(self, app, headers=SOURCE, path="/api/events") -> None:
        self.closed = None
        self.accepted = asyncio.Event()
        self.blocked = asyncio.Event()
        self.blocked.set()
        self._in: asyncio.Queue = asyncio.Queue()
        self._out: asyncio.Queue = asyncio.Queue()
        self._in.put_nowait({"type": "websocket.connect"})
        scope = {
            "type": "websocket",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": headers,
            "subprotocols": [],
            "root_path": "",
            "scheme": "wss",
            "state": {"abort": self._abort},
        }
        self.aborted = False
        self.task = asyncio.ensure_future(app(scope, self._in.get, self._take))

    def _abort(self) -> None:
        self.aborted = True
        self.go()

    async def _take(self, message) -> None:
        if message["type"] == "websocket.send":
            await self.blocked.wait()
        if message["type"] == "websocket.accept":
            self.accepted.set()
        if message["type"] == "websocket.close":
            self.closed = message["code"]
        self._out.put_nowait(message)

    def say(self, value) -> None:
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
        self._in.put_nowait({"type": "websocket.receive", "text": text})

    def go(self) -> None:
        self._in.put_nowait({"type": "websocket.disconnect", "code": 1000})

    async def hears(self) -> dict:
        while True:
            message = await asyncio.wait_for(self._out.get(), 30)
            if message["type"] == "websocket.send":
                return orjson.loads(message["text"])
            if message["type"] == "websocket.close":
                raise EOFError(message["code"])

    async def ends(self) -> int | None:
        """The code with which it was closed, when everything is over."""
        await asyncio.wait_for(self.task, 30)
        return self.closed


class House:
    def __init__(self, core, identity, feed, app) -> None:
        self.core, self.identity, self.feed, self.app = core, identity, feed, app
        self.clients: list[Client] = []

    async def token(self, name="admin") -> str:
        token, _ = await self.identity.sign_in.sign_in(name, PASSWORD, "203.0.113.7")
        return token

    def client(self, **more) -> Client:
        self.clients.append(Client(self.app, **more))
        return self.clients[-1]

    async def signed_in(self, token: str, **more) -> Client:
        client = self.client()
        client.say({"token": token, **more})
        assert (await client.hears())["type"] == "begin"
        return client


@pytest.fixture
async def house(core):
    await put_account(core, "olga", Role.OPERATOR, number=2)
    identity = await put_account(core)
    feed = await Feed.open(core.ledger, Bus())
    core.ledger.on_durable(feed.changed)
    running = asyncio.ensure_future(feed.run())
    app = create_app(Operations(core.ledger), core.store, identity, feed=feed)
    house = House(core, identity, feed, app)
    yield house
    for client in house.clients:
        client.go()
        client.task.cancel()
    await asyncio.gather(*(client.task for client in house.clients), return_exceptions=True)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_who_has_signed_in_hears_what_happens(house) -> None:
    client = await house.signed_in(await house.token())
    house.core.ledger.record(TrunkDown(trunk="main", why="503"))
    said = await client.hears()
    (record,) = await house.core.ledger.tail(said["seq"] - 1, 1)
    assert said == {"type": "event"} | {name: record[name] for name in ("seq", "at", "kind", "body")}
    client.go()
    assert await client.ends() is None
    assert len(house.feed._bus) == 0


async def test_behind_a_cursor_nothing_is_missed(house) -> None:
    token = await house.token()
    client = await house.signed_in(token)
    for number in range(5):
        house.core.ledger.record(TrunkUp(trunk=str(number), why=""))
    had = [await client.hears() for _ in range(2)]
    client.go()
    await client.ends()
    again = await house.signed_in(token, after=had[-1]["seq"])
    assert [(await again.hears())["body"]["trunk"] for _ in range(3)] == ["2", "3", "4"]


async def test_only_the_kinds_that_are_asked_for_are_told(house) -> None:
    client = await house.signed_in(await house.token(), kinds=["call.", "trunk.up"])
    house.core.ledger.record(TrunkDown(trunk="a", why=""))
    house.core.ledger.record(CallClearText(call="c", trunk="a", why="w"))
    house.core.ledger.record(TrunkUp(trunk="a", why=""))
    assert [(await client.hears())["kind"] for _ in range(2)] == ["call.clear_text", "trunk.up"]


async def test_a_role_sees_what_it_may_and_no_more(house) -> None:
    client = await house.signed_in(await house.token("olga"))
    house.core.ledger.record(SignInLimited(source="192.0.2.1"))
    house.core.ledger.record(TrunkUp(trunk="a", why=""))
    assert (await client.hears())["kind"] == "trunk.up"


async def test_a_session_that_has_ended_hears_no_more(house) -> None:
    token = await house.token()
    client = await house.signed_in(token)
    await house.identity.sign_in.sign_out(token, "203.0.113.7")
    house.core.ledger.record(TrunkUp(trunk="secret", why=""))
    with pytest.raises(EOFError):
        await client.hears()
    assert await client.ends() == 1008


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"token": "rw_nobody"}, 1008),
        ({"token": ""}, 1008),
        ({"after": 1}, 1008),
        ({"token": "x", "after": -1}, 1008),
        ({"token": "x", "kinds": ["call.*"]}, 1008),
        ({"token": "x", "more": 1}, 1008),
        ("no JSON", 1008),
        ("[" * 4000, 1008),
        ('{"token": "' + "x" * 5000 + '"}', 1003),
    ],
)
async def test_whoever_does_not_sign_in_is_sent_away_and_hears_nothing(house, said, code: int) -> None:
    client = house.client()
    client.say(said)
    with pytest.raises(EOFError):
        await client.hears()
    assert await client.ends() == code


@given(
    st.text(max_size=200)
    | JSON.map(lambda value: orjson.dumps(value).decode())
    | st.binary(max_size=20)
    | st.none()
)
def test_whatever_comes_first_is_a_sign_in_or_the_end(text) -> None:
    try:
        hello = event_stream.read_hello({"text": text})
    except event_stream.Closing as closing:
        assert closing.code in {1003, 1008}  # noqa: PT017 - both are right
    else:
        assert hello.token


async def test_whoever_says_nothing_is_sent_away_and_so_is_who_says_more(house, monkeypatch) -> None:
    monkeypatch.setattr(event_stream, "SIGN_IN_SECONDS", 0.05)
    assert await house.client().ends() == 1008
    client = await house.signed_in(await house.token())
    client.say("more")
    assert await client.ends() == 1003


async def test_there_is_no_other_websocket_and_none_that_did_not_come_through_the_edge(house) -> None:
    assert await house.client(path="/api/users").ends() == 1008
    assert await house.client(headers=[]).ends() == 1008


async def test_a_cursor_that_is_too_old_leads_to_the_ledger(house, monkeypatch) -> None:
    token = await house.token()
    house.feed.seq = 20_000
    client = house.client()
    client.say({"token": token, "after": 1})
    assert await client.ends() == 1008


async def test_streams_are_bounded_for_each_account_and_for_strangers(house, monkeypatch) -> None:
    monkeypatch.setattr(event_stream, "MOST_OF_ACCOUNT", 2)
    monkeypatch.setattr(event_stream, "MOST_STRANGERS", 1)
    token = await house.token()
    kept = [await house.signed_in(token) for _ in range(2)]
    third = house.client()
    third.say({"token": token})
    assert await third.ends() == 1013
    kept[0].go()
    await kept[0].ends()
    await house.signed_in(token)
    waiting = house.client()
    await waiting.accepted.wait()
    assert await house.client().ends() == 1013  # refused before it is accepted
    assert waiting.closed is None


async def test_strangers_of_one_network_keep_nobody_else_out(house, monkeypatch) -> None:
    monkeypatch.setattr(event_stream, "MOST_STRANGERS_OF_NETWORK", 1)
    token = await house.token()
    waiting = house.client()
    await waiting.accepted.wait()
    assert await house.client().ends() == 1013
    other = house.client(headers=[(b"x-ringwall-source", b"2001:db8::1")])
    other.say({"token": token})
    assert (await other.hears())["type"] == "begin"
    assert waiting.closed is None


async def test_an_error_in_the_system_ends_the_stream_and_is_in_the_log(house, monkeypatch, caplog) -> None:
    client = await house.signed_in(await house.token())

    def broken(*_args):
        raise ValueError("broken")

    monkeypatch.setattr(event_stream, "_told", broken)
    house.core.ledger.record(TrunkUp(trunk="a", why=""))
    assert await client.ends() == 1011
    assert "a stream of events broke" in caplog.text


async def test_a_client_that_takes_nothing_costs_nobody_else_an_event(house, monkeypatch) -> None:
    monkeypatch.setattr(event_stream, "SEND_SECONDS", 0.2)
    token = await house.token()
    slow, quick = await house.signed_in(token), await house.signed_in(token)
    slow.blocked.clear()
    for number in range(3000):
        house.core.ledger.record(TrunkUp(trunk=str(number), why=""))
    assert [(await quick.hears())["body"]["trunk"] for _ in range(3000)] == [str(n) for n in range(3000)]
    await asyncio.wait_for(slow.task, 30)
    assert slow.aborted


async def test_a_client_is_told_its_cursor_while_nothing_happens_that_it_may_see(house, monkeypatch) -> None:
    monkeypatch.setattr(event_stream, "POSITION_SECONDS", 0.05)
    client = await house.signed_in(await house.token(), kinds=["call."])
    await house.core.ledger.record_durably(TrunkUp(trunk="a", why=""))
    end = house.core.ledger.durable_seq
    for _ in range(100):
        said = await client.hears()
        assert said["type"] == "position"
        if said["seq"] == end:
            break
    else:
        raise AssertionError("the cursor did not come on")

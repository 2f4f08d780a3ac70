"""What happens is told from outside too: through HAProxy, agent and a connection that the core opened."""

import asyncio
import json
import ssl
from contextlib import asynccontextmanager

import httpx
import pytest
import websockets

from system.descriptions import answer_to, good
from system.raw_phone import joined

pytestmark = [pytest.mark.req("I2", "W2"), pytest.mark.timeout(120)]


@pytest.fixture
async def token(system) -> str:
    context = ssl.create_default_context(cafile=str(system.layout.ca_certificate))
    base = f"https://{system.settings.address}:{system.settings.ports.https}"
    async with httpx.AsyncClient(base_url=base, verify=context, timeout=10) as client:
        answer = await client.post("/api/tokens", json={"name": "admin", "password": system.told["password"]})
    assert answer.status_code == 201, answer.text
    return answer.json()["token"]


@asynccontextmanager
async def listening(system, **hello):
    context = ssl.create_default_context(cafile=str(system.layout.ca_certificate))
    uri = f"wss://{system.settings.address}:{system.settings.ports.https}/api/events"
    async with websockets.connect(uri, ssl=context) as socket:
        await socket.send(json.dumps(hello))
        yield socket


async def heard(socket, kind: str, **body) -> dict:
    """The next event of a kind with these values."""
    async with asyncio.timeout(30):
        while True:
            said = json.loads(await socket.recv())
            if said.get("kind") == kind and all(said["body"].get(name) == body[name] for name in body):
                return said


async def test_who_has_signed_in_hears_of_registrations_and_calls_and_goes_on_behind_the_last_number(
    system, token, connect
) -> None:
    async with listening(system, token=token) as socket:
        assert json.loads(await socket.recv())["type"] == "begin"
        anna, ben = await connect(), await connect()
        said = await heard(socket, "registration.added", device=anna.account.username)
        assert said["body"]["transport"] == "tls"
        here, there = await joined(anna, ben, good(), answer_to)
        for state in ("setup", "talking"):
            await heard(socket, "state.call", caller=anna.account.extension, state=state)
    await asyncio.to_thread(system.ask, "call.hangup", call=_call_of(system, anna))
    await asyncio.gather(here.ended(), there.ended())
    async with listening(system, token=token, after=said["seq"], kinds=["call."]) as again:
        ended = await heard(again, "call.ended", caller=anna.account.extension)
        assert ended["seq"] > said["seq"]
        assert ended["body"] == await system.record(said["seq"], "call.ended", caller=anna.account.extension)


def _call_of(system, phone) -> str:
    calls = system.ask("call.list")
    (call,) = [each for each in calls if each["caller"] == phone.account.extension]
    return call["call"]


async def test_without_a_token_nothing_is_told(system) -> None:
    async with listening(system, token="rw_nobody") as socket:
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd.code == 1008

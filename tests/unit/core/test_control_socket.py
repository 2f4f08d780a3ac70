"""The control socket answers who may ask, and has limits for everything."""

import asyncio
import getpass
import json
import os
import tempfile
from pathlib import Path

import pytest
from pydantic import BaseModel

from ringwall.core import control_socket
from ringwall.core.control_socket import ControlSocket
from ringwall.core.errors import CoreError, OperationError
from ringwall.core.operations import Actor, Arguments, Operation, Operations, Topic


class Echo(Arguments):
    text: str = ""


class Echoed(BaseModel):
    text: str = ""
    actor: dict[str, str] = {}


def _declared(name):
    return Operation(
        name,
        "Say it again.",
        topic=Topic("Echo", "What tests ask."),
        verb="POST",
        path=f"/api/{name}",
        arguments=Echo,
        result=Echoed,
        example={"text": "hello"},
    )


@pytest.fixture
async def door():
    """A socket under a short path (a unix socket's path has at most 107 bytes)."""
    operations = Operations(None)
    running = asyncio.Event()
    go_on = asyncio.Event()

    async def echo(actor: Actor, args: Echo):
        return {"text": args.text, "actor": actor.to_dict()}

    async def refuse(_actor: Actor, _args: Echo):
        raise OperationError("conflict", "Taken.", "text")

    async def wait(_actor: Actor, _args: Echo):
        running.set()
        await go_on.wait()
        return {}

    for name, handler in (("echo", echo), ("refuse", refuse), ("wait", wait)):
        operations.offer(_declared(name), handler)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        socket = ControlSocket(Path(folder) / "core.sock", operations, most_clients=3)
        await socket.start()
        socket.running, socket.go_on, socket.path = running, go_on, Path(folder) / "core.sock"
        yield socket
        await socket.close()


async def _ask(door, *requests):
    reader, writer = await asyncio.open_unix_connection(str(door.path))
    answers = []
    for request in requests:
        writer.write(request if isinstance(request, bytes) else json.dumps(request).encode() + b"\n")
        answers.append(json.loads(await reader.readline()))
    writer.close()
    return answers


async def test_the_kernel_says_who_the_actor_is(door):
    (answer,) = await _ask(door, {"op": "echo", "args": {"text": "hallo"}})
    actor = {"kind": "local", "name": getpass.getuser(), "source": "local"}
    assert answer == {"ok": True, "result": {"text": "hallo", "actor": actor}}


async def test_a_connection_takes_several_requests_and_goes_on_after_refusals(door):
    answers = await _ask(
        door,
        {"op": "refuse"},
        b"{nonsense\n",
        {"op": 7},
        {"op": "none"},
        {"op": "echo", "x": 1},
        {"op": "echo"},
    )
    assert [answer["ok"] for answer in answers] == [False, False, False, False, False, True]
    assert answers[0]["error"] == {"code": "conflict", "message": "Taken.", "field": "text"}
    assert [answer["error"]["code"] for answer in answers[1:5]] == [
        "invalid",
        "invalid",
        "not_found",
        "invalid",
    ]


async def test_the_socket_is_for_its_owner_alone(door):
    assert door.path.stat().st_mode & 0o777 == 0o600


async def test_another_user_is_refused(door, monkeypatch):
    monkeypatch.setattr(control_socket, "_CREDENTIALS", _Stranger())
    (answer,) = await _ask(door, {"op": "echo"})
    assert answer["error"]["code"] == "refused"


class _Stranger:
    size = 12

    def unpack(self, _data):
        return 1, os.geteuid() + 12345, 1


async def test_a_request_that_is_too_long_is_refused(door):
    reader, writer = await asyncio.open_unix_connection(str(door.path))
    writer.write(b"x" * (control_socket.LARGEST_REQUEST + 100))
    answer = json.loads(await reader.readline())
    assert answer["error"]["code"] == "invalid"
    writer.close()


async def test_clients_are_limited_and_a_place_becomes_free_again(door):
    waiting = [asyncio.create_task(_ask(door, {"op": "wait"})) for _ in range(3)]
    await door.running.wait()
    while len(door._clients) < 3:  # noqa: ASYNC110
        await asyncio.sleep(0)
    reader, writer = await asyncio.open_unix_connection(str(door.path))
    assert json.loads(await reader.readline())["error"]["code"] == "unavailable"
    writer.close()
    door.go_on.set()
    await asyncio.gather(*waiting)
    while door._clients:  # noqa: ASYNC110
        await asyncio.sleep(0)
    (answer,) = await _ask(door, {"op": "echo"})
    assert answer["ok"]


async def test_silence_ends_a_connection(door, monkeypatch):
    monkeypatch.setattr(control_socket, "SILENCE_S", 0.01)
    reader, _ = await asyncio.open_unix_connection(str(door.path))
    assert await reader.read() == b""


async def test_a_socket_left_behind_is_replaced_and_a_wrong_place_is_told(tmp_path):
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        path = Path(folder) / "core.sock"
        for _ in range(2):
            socket = ControlSocket(path, Operations(None))
            await socket.start()
            assert path.is_socket()
        await socket.close()
        assert not path.exists()
        with pytest.raises(CoreError, match="cannot be made"):
            await ControlSocket(Path(folder) / "none" / "core.sock", Operations(None)).start()

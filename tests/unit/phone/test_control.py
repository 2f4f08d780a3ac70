"""The phone's keys for programs."""

import asyncio

import pytest

from ringwall.infra.errors import RingwallError
from ringwall.phone.control import Control, press


@pytest.fixture
async def control(tmp_path):
    async def keys(operation, told):
        if operation == "fail":
            raise RingwallError("It does not work.")
        return {"operation": operation, "told": told}

    made = Control(tmp_path / "c.sock", keys)
    await made.start()
    yield tmp_path / "c.sock"
    await made.close()


async def test_a_key_is_pressed_and_what_the_phone_shows_comes_back(control) -> None:
    assert await press(control, "dial", number="202") == {"operation": "dial", "told": {"number": "202"}}
    with pytest.raises(RingwallError, match="It does not work"):
        await press(control, "fail")
    assert control.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("line", [b"{}\n", b"[]\n", b"x\n", b'{"op": 1, "op": 2\n', b"\xff\n"])
async def test_nonsense_is_refused_and_the_next_request_is_served(control, line) -> None:
    reader, writer = await asyncio.open_unix_connection(str(control))
    writer.write(line)
    assert b'"ok": false' in await reader.readline()
    writer.write(b'{"op": "state"}\n')
    assert b'"ok": true' in await reader.readline()
    writer.close()


async def test_a_line_without_end_ends_the_connection(control) -> None:
    reader, writer = await asyncio.open_unix_connection(str(control))
    writer.write(b"x" * 100_000)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    assert await press(control, "state")


async def test_where_no_phone_runs_that_is_said(tmp_path) -> None:
    with pytest.raises(RingwallError, match="No phone runs"):
        await press(tmp_path / "none.sock", "state")

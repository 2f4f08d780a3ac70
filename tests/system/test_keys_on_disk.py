"""The SRTP keys of calls are never readable on disk, and gone when the call ends (T1).

Every key that a phone sends or gets is looked for as base64 and as bytes: in the database, its log and its index,
in every other file of the system, and where it keeps what must not reach a disk.
"""

import asyncio
import contextlib
from base64 import b64decode
from pathlib import Path

import pytest

from system.descriptions import answer_to, good, keys, of_port
from system.raw_phone import RawPhone, joined
from system.running import System, until
from system.test_survival import on_disk, started_again

MEMORY = (Path("/run"), Path("/dev/shm"))
MOST_BYTES = 64 * 1024 * 1024  # of a file that is read; nothing of ours is larger


class Wire:
    """The keys of all descriptions that phones sent and got."""

    def __init__(self, *phones: RawPhone) -> None:
        self.keys: set[str] = set()
        for phone in phones:
            write, feed = phone.writer.write, phone.reader.feed_data

            def sent(data: bytes, write=write) -> None:
                self._look(data)
                write(data)

            def came(data: bytes, feed=feed) -> None:
                self._look(data)
                feed(data)

            phone.writer.write = sent  # type: ignore[method-assign]
            phone.reader.feed_data = came  # type: ignore[method-assign]

    def _look(self, data: bytes) -> None:
        self.keys |= keys(data)

    def forms(self) -> dict[bytes, str]:
        """What to look for: each key as it stands in a description and as bytes, and its name."""
        found: dict[bytes, str] = {}
        for key in self.keys:
            found[key.encode()] = key[:6]
            found[b64decode(key + "=" * (-len(key) % 4))] = f"{key[:6]} as bytes"
        return found


def files(system: System) -> list[Path]:
    roots = (system.layout.data, *MEMORY)
    return [path for root in roots for path in root.rglob("*") if path.is_file() and not path.is_symlink()]


def found_on_disk(system: System, wanted: dict[bytes, str]) -> list[str]:
    """Where any of these bytes lies."""
    found = []
    for path in files(system):
        # What other programs of the host have here comes and goes.
        with contextlib.suppress(FileNotFoundError, OSError), path.open("rb") as file:
            content = file.read(MOST_BYTES)
            found += [f"{name} in {path}" for bytes_, name in wanted.items() if bytes_ in content]
    return found


async def held_and_back(here, there, ours, theirs) -> None:
    for version, direction, mirror in ((8, "sendonly", "recvonly"), (9, "sendrecv", "sendrecv")):
        answer, _ = await asyncio.gather(
            here.reinvite(of_port(ours, direction=direction, version=version)),
            there.changed(lambda sdp, mirror=mirror: answer_to(sdp, theirs, direction=mirror)),
        )
        assert answer.status == 200


@pytest.mark.req("T1", "R1")
async def test_no_file_holds_a_key_of_a_call_while_it_lasts_or_afterwards(system, connect, media) -> None:
    """With a hold, a change to the media server and back, and a core that is killed in the midst of it."""
    anna, ben = await connect(), await connect()
    wire = Wire(anna, ben)
    ours, theirs = media(), media()
    here, there = await joined(anna, ben, of_port(ours), lambda sdp: answer_to(sdp, theirs))
    await held_and_back(here, there, ours, theirs)
    [call] = [one for one in system.ask("call.list") if one["caller"] == anna.account.extension]
    for where in ("room", "relay"):
        followers = [
            asyncio.create_task(here.follow(lambda sdp: answer_to(sdp, ours), ours, 440.0)),
            asyncio.create_task(there.follow(lambda sdp: answer_to(sdp, theirs), theirs, 1000.0)),
        ]
        await asyncio.to_thread(system.ask, "call.move", call=call["call"], to=where)
        for follower in followers:
            follower.cancel()
        await asyncio.gather(*followers, return_exceptions=True)
    on_disk(system)
    assert len(wire.keys) >= 4
    assert found_on_disk(system, wire.forms()) == []
    killed = system.kill("core")
    assert found_on_disk(system, wire.forms()) == []
    await started_again(system, "core", killed)
    assert call["call"] in {one["call"] for one in system.ask("call.list")}
    await held_and_back(here, there, ours, theirs)
    assert (await here.hang_up()).status == 200
    await there.ended()
    on_disk(system)
    assert found_on_disk(system, wire.forms()) == []


@pytest.mark.req("T1")
async def test_calls_of_every_kind_leave_no_key_behind(system, connect) -> None:
    """Two phones that know one suite (two relays in a chain), a refused call, one to voice mail, one that is lost."""
    anna, ben = await connect(), await connect()
    wire = Wire(anna, ben)
    here, there = await joined(anna, ben, good(), answer_to)
    assert (await there.hang_up()).status == 200
    await here.ended()
    asked = anna.invite(ben.account.extension, good())
    (await ben.ringing()).refuse(486)
    assert (await asked.final()).status == 486
    menu = await anna.call("*98", good())
    await until(
        lambda: any(one["caller"] == anna.account.extension for one in system.ask("call.list")), "it talks"
    )
    on_disk(system)
    assert found_on_disk(system, wire.forms()) == []
    assert (await menu.hang_up()).status == 200
    here, there = await joined(anna, ben, good(), answer_to)
    on_disk(system)
    await anna.close()
    await there.ended(30)
    on_disk(system)
    assert len(wire.keys) >= 8
    assert found_on_disk(system, wire.forms()) == []

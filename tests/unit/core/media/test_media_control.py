"""What the core has at its media servers, and how much of it there may be."""

import asyncio

import pytest

from ringwall.core.media.control import MOST_OF_ONE, Media
from ringwall.core.media.errors import MediaAway, MediaFull, MediaRefusal
from ringwall.core.media.items import Prompt, Recorded, Silence, Tone
from support.calls.media_server import MediaServer


@pytest.fixture
async def servers():
    loop = asyncio.get_running_loop()
    made = [MediaServer(loop), MediaServer(loop)]
    for server in made:
        server.delay = 0
    return made


@pytest.fixture
async def media(servers):
    made = Media(servers)
    for server in servers:
        server.connect()
    return made


async def test_legs_go_to_the_emptiest_server_and_those_of_a_room_to_its_own(media, servers) -> None:
    await media.open("a", "201", media.choose())
    assert media.choose() == 2
    assert media.choose(["a"]) == 1
    servers[1].lose()
    assert media.choose() == 1
    servers[0].lose()
    with pytest.raises(MediaAway):
        media.choose()


async def test_one_party_has_so_many_legs_and_no_more(media) -> None:
    for number in range(MOST_OF_ONE):
        await media.open(f"leg{number}", "201", 1)
    with pytest.raises(MediaFull, match="201"):
        await media.open("more", "201", 2)
    await media.open("other", "202", 1)
    media.close("leg0")
    await media.open("more", "201", 1)


async def test_outside_callers_do_not_get_the_last_legs(media, servers) -> None:
    servers[0].most_legs = 10
    servers[0].connect()
    for number in range(8):
        await media.open(f"out{number}", f"trunk {number}", 1, outside=True)
    with pytest.raises(MediaFull):
        await media.open("out", "trunk x", 1, outside=True)
    await media.open("in", "201", 1)


async def test_a_leg_that_the_server_refuses_is_not_counted(media, servers) -> None:
    servers[0].refusing["leg.open"] = "full"
    with pytest.raises(MediaRefusal):
        await media.open("a", "201", 1)
    assert not media.has("a")
    assert media.describe()[0]["legs"] == 0


async def test_what_can_be_played_is_written_as_the_server_reads_it(media, servers) -> None:
    await media.open("a", "201", 1)
    items = [Prompt("hello"), Tone("busy", 2), Silence(0.5), Recorded("msg1", b"k" * 32, 3.0)]
    await media.play(items, leg="a", country="GB")
    [request] = [fields for op, fields in servers[0].log if op == "play"]
    assert request["items"] == [
        {"prompt": "hello"},
        {"tone": "busy", "country": "GB", "seconds": 2},
        {"silence": 0.5},
        {"recording": "msg1", "key": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=", "start": 3.0},
    ]
    assert request["leg"] == "a"
    assert "k" * 32 not in repr(items)


async def test_the_end_of_a_player_is_told_once_and_also_when_its_leg_goes(media, servers) -> None:
    told: list[str] = []
    await media.open("a", "201", 1)
    first = await media.play([Tone("dial")], leg="a", then=lambda event: told.append(event["reason"]))
    media.stop(first.name)
    await asyncio.sleep(0.01)
    await media.play([Tone("dial")], leg="a", then=lambda event: told.append(event["reason"]))
    media.close("a")
    await asyncio.sleep(0.01)
    assert told == ["stopped", "gone"]


async def test_what_a_new_server_process_does_not_have_is_told(media, servers) -> None:
    lost: list[str] = []
    ended: list[str] = []
    media.on_lost = lost.extend
    await media.open("a", "201", 1)
    await media.open("b", "202", 2)
    await media.play([Tone("dial")], leg="a", then=lambda event: ended.append(event["reason"]))
    servers[0].kill()
    servers[0].connect()
    assert lost == ["a"]
    assert ended == ["gone"]
    assert not media.has("a")
    assert media.has("b")
    await media.open("a", "201", 1)
    assert media.has("a")


async def test_what_the_server_has_and_nobody_knows_is_ended(servers) -> None:
    media = Media(servers)
    servers[0].connect()
    await media.open("a", "201", 1)
    await media.play([Tone("dial")], leg="a")
    after = Media(servers)
    after.adopt("a", "201", 1)
    servers[0].connect()
    assert list(servers[0].legs) == ["a"]
    assert not servers[0].players
    assert media.up


async def test_a_leg_of_a_server_that_is_no_more_is_lost_on_another_one(servers) -> None:
    lost: list[str] = []
    media = Media(servers[:1])
    media.on_lost = lost.extend
    media.adopt("a", "201", 2)
    servers[0].connect()
    assert lost == ["a"]


async def test_an_event_that_breaks_who_listens_breaks_nothing_else(media, servers, caplog) -> None:
    class Broken:
        def pressed(self, key):
            raise RuntimeError("a bug")

        def silent(self, seconds):
            """Nothing."""

    await media.open("a", "201", 1)
    media.listen("a", Broken())
    servers[0].press("a", "5")
    assert "could not be dealt with" in caplog.text

"""A calls B: set-up, ringing, answer, hang-up, and all the ways in which it comes to nothing."""

import pytest

from support.calls.media import keys
from support.calls.world import World


@pytest.mark.req("T1", "T5")
def test_two_phones_talk_and_every_leg_and_direction_has_a_key_of_its_own(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    a, b = world.talk(alice, bob)
    assert a.statuses == [180, 200]
    sent = [*keys(a.local_sdp).values(), *keys(b.local_sdp).values()]
    got = [*keys(a.remote_sdp).values(), *keys(b.remote_sdp).values()]
    assert not set(sent) & set(got)
    assert len(keys(a.remote_sdp)) == 1
    a.bye()
    world.run()
    assert b.state == "ended"
    [record] = world.told("call.ended")
    assert record["cause"] == "hung up"
    assert record["by"] == "caller"
    assert record["caller"] == "201"
    assert record["callee"] == "202"
    assert record["caller_source"].startswith("198.51.100.9:")
    assert len(set(record["suites"])) == 2


def test_the_called_side_can_hang_up_too(world: World) -> None:
    a, b = world.talk(world.phone("201"), world.phone("202"))
    b.bye()
    world.run()
    assert a.state == "ended"
    assert world.told("call.ended")[0]["by"] == "callee"

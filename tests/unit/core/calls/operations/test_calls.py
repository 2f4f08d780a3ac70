"""What an administrator sees and does."""

import pytest

from ringwall.core.calls.operations.calls import add_operations
from ringwall.core.errors import OperationError
from ringwall.core.operations import Actor, Operations
from support.calls.world import World

ADMINISTRATOR = Actor("local", "root", "local")


class _Recorder:
    def record(self, event) -> None:
        """Take it."""


@pytest.fixture
def run(world: World):
    operations = Operations(_Recorder())
    add_operations(operations, world.switch)
    return lambda name, args=None: world.loop.run_until_complete(operations.run(name, args, ADMINISTRATOR))


def test_calls_are_listed_without_keys_and_hung_up(world: World, run) -> None:
    a, b = world.talk(world.phone("201"), world.phone("202"))
    world.run(5)
    [call] = run("call.list")
    assert (call["caller"], call["callee"], call["state"]) == ("201", "202", "talking")
    assert call["seconds"] >= 5
    assert "inline" not in str(call)
    assert run("call.hangup", {"call": call["call"]})["call"] == call["call"]
    world.run()
    assert (a.state, b.state) == ("ended", "ended")
    assert world.told("admin.call.ended")[0]["actor"]["name"] == "root"
    assert world.told("call.ended")[0]["by"] == "administrator"


def test_a_ringing_call_is_hung_up_too(world: World, run) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.on_invite = "ring"
    a = alice.call("202")
    world.run()
    run("call.hangup", {"call": world.only_call().id})
    world.run()
    assert a.statuses == [180, 480]
    assert bob.last.state == "cancelled"


def test_a_call_that_is_not_there_cannot_be_hung_up(world: World, run) -> None:
    with pytest.raises(OperationError, match="There is no call nothere"):
        run("call.hangup", {"call": "nothere"})


def test_registrations_are_listed(world: World, run) -> None:
    world.phone("201")
    [one] = run("registration.list")
    assert one["extension"] == "201"
    assert one["transport"] == "tls"
    assert 590 <= one["expires_in"] <= 600


def test_no_text_of_a_call_shows_a_key(world: World) -> None:
    a, _ = world.talk(world.phone("201"), world.phone("202"))
    text = repr(world.only_call())
    assert "inline" not in text
    assert "a=crypto" not in text
    a.bye()

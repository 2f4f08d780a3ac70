"""Conferences that are made and changed by command (C2)."""

import pytest

from ringwall.core.calls.features import conference_calls
from ringwall.core.calls.operations import conferences
from ringwall.core.errors import OperationError
from ringwall.core.operations import Actor
from support.calls.conference import all_hear_all, calls_to, made, telephony
from support.calls.world import World


@pytest.fixture(autouse=True)
def media(world: World):
    world.media_up()
    return world.media_server


@pytest.fixture
def anna(world: World):
    return world.phone("201")


class Asked:
    """The operations, as they are asked for."""

    def __init__(self, world: World) -> None:
        self.world, self.known = world, {}
        conferences.add_operations(self, world.switch)

    def offer(self, operation, work):
        self.known[operation.name] = operation.arguments, work

    def __call__(self, name: str, **arguments):
        model, work = self.known[f"call.conference.{name}"]
        task = self.world.loop.create_task(work(Actor("local", "root", "local"), model(**arguments)))
        self.world.run(3)
        return task.result()


@pytest.mark.req("C2")
def test_an_administrator_makes_adds_and_drops(world: World, media, anna) -> None:
    telephony(world, max_conference_parties=4)
    ask = Asked(world)
    ben, carla, dora = (world.phone(n) for n in ("202", "203", "204"))
    first, second = calls_to(world, anna, ben, carla)
    told = ask("start", extension="201")
    assert sorted(each["party"] for each in told["parties"]) == ["201", "202", "203"]
    assert (first.state, second.state) == ("talking", "ended")
    assert all_hear_all(world, media, 3)
    ask("add", conference=told["conference"], number="204")
    assert all_hear_all(world, media, 4)
    [listed] = ask("list")
    theirs = next(each["call"] for each in listed["parties"] if each["party"] == "202")
    ask("drop", conference=told["conference"], call=theirs)
    assert ben.last.state == "ended"
    assert all_hear_all(world, media, 3)
    assert first.state == "talking"
    for phone in (carla, dora):
        phone.last.bye()


@pytest.mark.req("C2")
def test_what_cannot_be_done_by_command_says_why(world: World, media, anna) -> None:
    ask = Asked(world)
    with pytest.raises(OperationError, match="no call to make"):
        ask("start", extension="201")
    with pytest.raises(OperationError, match="There is no conference"):
        ask("add", conference="nothing", number="204")
    ben, carla = world.phone("202"), world.phone("203")
    own = made(world, anna, ben, carla)
    [room] = conference_calls.all_rooms(world.switch)
    world.phone("204")
    with pytest.raises(OperationError, match="at most 3 parties"):
        ask("add", conference=room, number="204")
    with pytest.raises(OperationError, match="There is no call"):
        ask("drop", conference=room, call="nothing")
    own.bye()
    world.run()
    with pytest.raises(OperationError, match="has left"):
        ask("add", conference=room, number="204")
    ben.last.bye()

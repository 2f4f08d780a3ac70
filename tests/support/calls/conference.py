"""Conferences in a small system: made as people make them, and looked at."""

from dataclasses import replace

from ringwall.core.calls.features import conference_calls
from ringwall.policy import LEAST_TELEPHONY
from support.calls.rights import STAFF
from support.calls.world import World


def telephony(world: World, **permissions) -> None:
    world.rights.change(telephony=(replace(STAFF, **permissions), LEAST_TELEPHONY))


def calls_to(world: World, anna, *others):
    """Let somebody call others, one after the other; all the calls."""
    made = []
    for other in others:
        made.append(anna.call(other if isinstance(other, str) else other.extension))
        world.run()
        assert made[-1].state == "talking", made[-1].statuses
    return made


def all_hear_all(world: World, media, count: int) -> bool:
    [room] = conference_calls.all_rooms(world.switch)
    tags = {leg.tag for _, leg in conference_calls.parties(world.switch, room)}
    return len(tags) == count and all(media.hears(tag) == tags - {tag} for tag in tags)


def made(world: World, anna, *others):
    """A conference of somebody's calls; the starter's call with it."""
    calls = calls_to(world, anna, *others)
    own = anna.call("*10")
    world.run(3)
    assert own.state == "talking", own.statuses
    assert all(call.state == "ended" for call in calls)
    return own

"""Intercom, whisper page, page and pickup by command: the own phone first, then what was wanted."""

import pytest

from ringwall.core.calls.operations.features import add_operations
from ringwall.core.errors import OperationError
from ringwall.core.operations import Actor, Operations
from ringwall.policy import FROM_NOBODY, InsideObject, ObjectKind
from support.calls.hearing import WISHES, hears, wishes
from support.calls.world import World

pytestmark = pytest.mark.req("C2")
ADMINISTRATOR = Actor("local", "root", "local")


class _Recorder:
    def record(self, event) -> None:
        """Take it."""


@pytest.fixture(autouse=True)
def media(world: World):
    world.media_up()
    world.rights.telephony(paging=True)
    return world.media_server


@pytest.fixture
def run(world: World):
    operations = Operations(_Recorder())
    add_operations(operations, world.switch)
    return lambda name, args: world.loop.run_until_complete(operations.run(name, args, ADMINISTRATOR))


@pytest.fixture
def ask(run):
    def asked(feature: str, target: str = "202", extension: str = "201"):
        return run("call.feature", {"extension": extension, "feature": feature, "target": target})

    return asked


@pytest.fixture
def anna(world):
    return world.phone("201")


@pytest.fixture
def ben(world):
    return world.phone("202")


def end(world, *calls) -> None:
    for call in calls:
        if call.state == "talking":
            call.bye()
            world.run(2)


def test_an_intercom_opens_the_own_phone_and_then_the_other(world, ask, anna, ben):
    ask("intercom")
    world.run(6)
    assert wishes(anna.last.invite) == wishes(ben.last.invite) == list(WISHES)
    assert (hears(world, anna), hears(world, ben)) == ({"202"}, {"201"})
    assert world.told("call.feature")[0]["actor"]["name"] == "root"
    end(world, ben.last)
    assert anna.last.state == "ended"
    [ended] = world.told("call.ended")
    assert (ended["caller"], ended["callee"], ended["dialled"]) == ("201", "202", "*15202")


def test_one_who_does_not_accept_is_rung_by_the_media_server(world, ask, anna, ben):
    world.rights.telephony(accept_intercom=FROM_NOBODY)
    ben.on_invite = "ring"
    ask("intercom")
    world.run(2)
    assert not wishes(ben.last.invite)
    ben.last.answer()
    world.run(2)
    assert (hears(world, anna), hears(world, ben)) == ({"202"}, {"201"})
    end(world, anna.last)


def test_a_whisper_reaches_the_one_who_is_in_a_call(world, ask, anna, ben):
    other, target = world.talk(world.phone("203"), ben)
    ask("whisper page")
    world.run(8)
    assert hears(world, anna) == {"202"}
    assert hears(world, ben) == {"201", "203"}
    end(world, anna.last)
    assert (other.state, target.state) == ("talking", "talking")
    end(world, other)


def test_the_target_of_a_whisper_keeps_the_other_party_from_hearing_them(world, run, ask, anna, ben):
    cleo = world.phone("203")
    other, _ = world.talk(cleo, ben)

    def mute(on: bool) -> None:
        run("call.whisper.mute", {"extension": "202", "on": on})

    with pytest.raises(OperationError, match="Nobody whispers"):
        mute(True)
    ask("whisper page")
    world.run(8)
    mute(True)
    assert hears(world, cleo) == set()
    assert hears(world, ben) == {"201", "203"}
    mute(False)
    assert hears(world, cleo) == {"202"}
    mute(True)
    theirs = next(call for call in world.switch.calls.values() if call.callee is not None)
    theirs.bridge_holds.add("a recording")  # the call stays in its room after the whisper
    end(world, anna.last)
    assert hears(world, cleo) == {"202"}, "the whisper is over, and so is its silence"
    theirs.bridge_holds.clear()
    end(world, other)


def test_a_page_begins_as_if_it_had_been_dialled(world, ask, anna, ben):
    world.rights.change(objects=(InsideObject("700", ObjectKind.PAGING_GROUP, members=("202",)),))
    ask("page", "700")
    world.run(8)
    assert hears(world, ben) == {"201"}
    assert hears(world, anna) == set()
    end(world, anna.last)
    assert ben.last.state == "ended"


def test_a_ringing_call_is_picked_up(world, ask, anna, ben):
    ben.on_invite = "ring"
    first = world.phone("203").call("202")
    world.run()
    ask("pickup")
    world.run(3)
    assert (first.state, anna.last.state) == ("talking", "talking")
    end(world, first)


@pytest.mark.parametrize(
    ("feature", "target", "denied"),
    [
        ("intercom", "202", {"intercom": False}),
        ("whisper page", "202", {"intercom": False}),
        ("pickup", "202", {"pickup": False}),
        ("page", "700", {"paging": False}),
    ],
)
def test_who_may_not_is_refused_before_anything_rings(world, ask, anna, ben, feature, target, denied):
    world.rights.change(objects=(InsideObject("700", ObjectKind.PAGING_GROUP, members=("202",)),))
    world.rights.telephony(**denied)
    with pytest.raises(OperationError) as caught:
        ask(feature, target)
    assert caught.value.code == "refused"
    assert world.told("call.denied")
    assert not anna.calls


def test_what_cannot_be_done_is_said(world, ask, anna, media):
    for wanted in (("page", "202"), ("intercom", "299"), ("intercom", "202", "203")):
        with pytest.raises(OperationError):
            ask(*wanted)
    world.phone("202")
    media.lose()
    with pytest.raises(OperationError, match="media server"):
        ask("intercom")
    assert not anna.calls


def test_one_who_is_in_a_call_is_not_called_for_it(world, ask, anna, ben):
    other, _ = world.talk(anna, world.phone("203"))
    with pytest.raises(OperationError, match="is in a call"):
        ask("intercom")
    end(world, other)


def test_a_phone_that_does_not_answer_ends_it(world, ask, anna, ben):
    anna.on_invite = "ring"
    ask("intercom")
    world.run(world.settings.sip.ring_seconds + 1)
    assert anna.last.state == "cancelled"
    assert not ben.calls


def test_the_first_of_several_own_phones_has_it(world, ask, anna, ben):
    second = world.phone("201")
    second.on_invite = "ring"
    ask("intercom")
    world.run(6)
    assert second.last.state == "cancelled"
    assert hears(world, anna) == {"202"}
    end(world, anna.last)


@pytest.mark.parametrize("pause", [0.01, 0.05, 0.5, 2.0])
def test_who_hangs_up_at_any_moment_leaves_nothing(world, media, ask, anna, ben, pause):
    ask("intercom")
    world.run(pause)
    end(world, anna.last)
    world.run(5)
    for phone in (anna, ben):
        end(world, *phone.calls)
    assert not media.legs

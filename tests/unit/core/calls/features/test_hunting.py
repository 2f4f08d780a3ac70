"""Hunt groups: whom a call reaches, in which order, where it goes then, and out of service by a feature number."""

import pytest

from ringwall.core.calls.features import hunting
from ringwall.core.calls.model.settings import Forwarding
from ringwall.core.errors import OperationError
from ringwall.policy import InsideObject, ObjectKind
from ringwall.policy.groups import Ringing
from support.calls.world import World

pytestmark = pytest.mark.req("C2")


@pytest.fixture
def caller(world: World):
    return world.phone("201")


def group(world, *members: str, extension: str = "600", **settings) -> None:
    things = {one.extension: one for one in world.rights.parts.objects}
    things[extension] = InsideObject(
        extension, ObjectKind.HUNT_GROUP, site="main", name="Sales", members=members, **settings
    )
    world.rights.change(objects=tuple(things.values()))


def phones(world, *extensions: str, on_invite="ring"):
    made = [world.phone(extension) for extension in extensions]
    for phone in made:
        phone.on_invite = on_invite
    return made


def ringing(*members) -> list[bool]:
    return [bool(phone.calls) and phone.last.state == "ringing" for phone in members]


def test_members_ring_from_the_top_each_for_its_time(world, caller):
    ben, cleo, dora = phones(world, "202", "203", "204")
    group(world, "202", "203", "204")
    call = caller.call("600")
    world.run(1)
    assert ringing(ben, cleo, dora) == [True, False, False]
    world.run(12)
    assert ringing(ben, cleo, dora) == [False, True, False]
    cleo.last.answer()
    world.run()
    assert call.state == "talking"
    assert not dora.calls
    call.bye()
    world.run()
    [ended] = world.told("call.ended")
    assert (ended["dialled"], ended["callee"], ended["hunt_group"]) == ("600", "203", "600")


def test_all_members_ring_at_once_and_the_first_has_the_call(world, caller):
    ben, cleo = phones(world, "202", "203")
    group(world, "202", "203", ringing=Ringing.AT_ONCE)
    call = caller.call("600")
    world.run(1)
    assert ringing(ben, cleo) == [True, True]
    ben.last.answer()
    world.run()
    assert call.state == "talking"
    assert cleo.last.state == "cancelled"
    call.bye()
    world.run()


@pytest.mark.parametrize("how", list(Ringing))
def test_it_rings_no_longer_than_the_group_may(world, caller, how):
    phones(world, "202", "203", "204", "205")
    group(world, "202", "203", "204", "205", ringing=how, seconds=30)
    call = caller.call("600")
    world.run(29)
    assert call.statuses == [180]
    world.run(2)
    assert call.statuses == [180, 480]
    assert not world.phones[4].calls or how is Ringing.AT_ONCE


def test_one_who_refuses_is_followed_by_the_next_at_once(world, caller):
    ben, cleo = phones(world, "202", "203")
    ben.on_invite = 486
    group(world, "202", "203")
    call = caller.call("600")
    world.run(1)
    assert ringing(cleo) == [True]
    call.cancel()
    world.run()


def test_who_cannot_or_must_not_take_it_is_left_out(world, caller):
    world.rights.telephony(max_calls=1)
    full, forwards, cleo = phones(world, "202", "203", "204")
    world.phone("205", register=False)
    world.rights.forwards["203"] = Forwarding(always="206")
    [target] = phones(world, "206")
    other = world.phone("207").call("202")
    world.run()
    full.last.answer()
    world.run()
    group(world, "205", "202", "203", "204")
    call = caller.call("600")
    world.run(1)
    assert ringing(cleo) == [True]
    assert not forwards.calls
    assert not target.calls
    assert len(full.calls) == 1
    call.cancel()
    other.bye()
    world.run()


@pytest.mark.parametrize("skip", [True, False])
def test_members_in_a_call_are_left_out_if_the_group_says_so(world, caller, skip):
    [ben, cleo] = phones(world, "202", "203")
    other = world.phone("207").call("202")
    world.run()
    ben.last.answer()
    world.run()
    group(world, "202", "203", skip_busy=skip)
    call = caller.call("600")
    world.run(1)
    assert ringing(ben, cleo) == [not skip, skip]
    call.cancel()
    other.bye()
    world.run()


def test_the_forwarding_of_a_member_takes_no_call_of_the_group(world, caller):
    _, cleo, dora = phones(world, "202", "203", "204")
    world.rights.forwards["202"] = Forwarding(no_answer="204", busy="204", seconds=5)
    group(world, "202", "203")
    call = caller.call("600")
    world.run(13)
    assert ringing(cleo) == [True]
    assert not dora.calls
    call.cancel()
    world.run()


def test_what_nobody_answers_goes_to_the_destination_of_the_group(world, caller):
    ben, dora = phones(world, "202", "204")
    group(world, "202", no_answer_to="204")
    call = caller.call("600")
    world.run(13)
    assert ringing(ben, dora) == [False, True]
    dora.last.answer()
    world.run()
    assert call.state == "talking"
    assert world.told("call.forwarded")[0]["case"] == "forward no answer"
    call.bye()
    world.run()


def test_a_group_that_is_out_of_service_is_busy_or_goes_to_its_destination(world, caller):
    ben, dora = phones(world, "202", "204")
    group(world, "202", busy=True)
    call = caller.call("600")
    world.run()
    assert call.statuses == [486]
    group(world, "202", busy=True, busy_to="204")
    call = caller.call("600")
    world.run()
    assert ringing(dora) == [True]
    assert not ben.calls
    call.cancel()
    world.run()


def test_groups_that_send_calls_in_a_circle_end_them(world, caller):
    group(world, busy=True, busy_to="601")
    group(world, extension="601", busy=True, busy_to="600")
    call = caller.call("600")
    world.run(5)
    assert call.statuses[-1] == 486


def test_a_group_of_nobody_is_refused(world, caller):
    group(world)
    call = caller.call("600")
    world.run(3)
    assert call.statuses[-1] == 480


def test_outside_callers_reach_a_group_by_its_number(world):
    [ben] = phones(world, "202")
    group(world, "202", extension="260")
    call = world.carrier().bring("+14085550260")
    world.run(1)
    assert ringing(ben) == [True]
    ben.last.answer()
    world.run()
    assert call.state == "talking"
    call.bye()
    world.run()


def test_one_who_is_transferred_to_a_group_reaches_a_member(world, caller):
    [cleo] = phones(world, "203")
    group(world, "203")
    first, second = world.talk(caller, world.phone("202"))
    first.request("REFER", headers=[("Refer-To", "<sip:600@voice.example>")])
    world.run(2)
    cleo.last.answer()
    world.run(2)
    assert (second.state, cleo.last.state) == ("talking", "talking")
    second.bye()
    world.run()


# Out of service by *18


@pytest.fixture
def toggled(world):
    world.media_up()
    world.rights.telephony(hunt_group_busy=True)
    group(world, "202")
    asked: list[tuple] = []

    async def toggle(extension, busy, by, source) -> None:
        asked.append((extension, busy, by))
        group(world, "202", busy=busy)

    hunting.connect(world.switch, toggle)
    return asked


def test_a_user_takes_a_group_out_of_service_and_back(world, caller, toggled):
    for busy, said in ((True, "de-activated"), (False, "activated")):
        call = caller.call("*18600")
        world.run(4)
        assert call.state == "ended"
        assert toggled[-1] == ("600", busy, "201")
        assert world.media_server.played()[-1] == said


def test_who_may_not_changes_nothing(world, caller, toggled):
    world.rights.telephony(hunt_group_busy=False)
    call = caller.call("*18600")
    world.run(6)
    assert call.statuses[-1] == 403
    assert not toggled
    assert world.media_server.played() == ["congestion"]


@pytest.mark.parametrize("dialled", ["*18", "*18999", "*18202"])
def test_what_is_no_hunt_group_is_refused(world, caller, toggled, dialled):
    world.phone("202")
    call = caller.call(dialled)
    world.run(10)
    assert call.statuses[-1] == 404
    assert not toggled


def test_a_change_that_cannot_be_made_is_heard(world, caller, toggled):
    async def fails(*_) -> None:
        raise OperationError("not_found", "It is gone.", "extension")

    hunting.connect(world.switch, fails)
    call = caller.call("*18600")
    world.run(6)
    assert call.state == "ended"
    assert world.media_server.played() == ["congestion"]

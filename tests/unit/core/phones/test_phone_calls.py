"""What a change of a phone does to its connection and its calls, on a virtual clock."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from ringwall.core.phones.calls import PhonesAndCalls
from ringwall.core.phones.model import Identity, PhoneEntry
from ringwall.core.phones.states import State
from ringwall.policy import Scope
from support.calls.world import World


class Phones:
    """The phone service, as far as call control sees it."""

    def __init__(self) -> None:
        self.before_change, self.on_change, self.now = [], [], {}

    def of_device(self, number):
        return self.now.get(number)

    def change(self, world: World, phone: PhoneEntry, *, state=None, gone=False) -> None:
        after = phone if state is None else replace(phone, state=state, user=None)
        self.now = {} if gone else {phone.id: after}
        for listener in self.before_change:
            listener([after])
        if state is not None or gone:
            world.registrar.device_removed(phone.id)
        for listener in self.on_change:
            listener([after])


@pytest.fixture
def world():
    made = World()
    yield made
    made.finish()


@pytest.fixture
def house(world):
    alice, bob = world.phone("201"), world.phone("202")
    phones = Phones()
    joined = PhonesAndCalls(phones, world.switch)
    entry = PhoneEntry(1, "001565120010", State.ASSIGNED, identity=Identity.FACTORY, user=1)
    return SimpleNamespace(alice=alice, bob=bob, phones=phones, joined=joined, entry=entry)


def _told(phone):
    return [one for one in phone.log if getattr(one, "method", "") == "NOTIFY"]


@pytest.mark.req("P1")
def test_a_phone_is_told_to_fetch_its_configuration_over_its_registration(world, house) -> None:
    house.phones.change(world, house.entry)
    world.run()
    [told] = _told(house.alice)
    assert told.headers.get("Event") == "check-sync;reboot=false"
    assert told.body == b""
    assert not _told(house.bob)


@pytest.mark.req("P3")
def test_it_is_told_by_its_old_way_when_its_credentials_count_no_longer(world, house) -> None:
    house.phones.change(world, house.entry, state=State.AVAILABLE)
    world.run()
    assert len(_told(house.alice)) == 1
    assert not world.bindings.of_device(1)


@pytest.mark.req("P3")
def test_who_logs_out_goes_on_talking(world, house) -> None:
    call, _ = world.talk(house.alice, house.bob)
    house.phones.change(world, house.entry, state=State.AVAILABLE)
    world.run()
    assert call.state == "talking"
    call.bye()


@pytest.mark.req("P2")
def test_a_blocked_phone_loses_its_calls(world, house) -> None:
    call, other = world.talk(house.alice, house.bob)
    house.phones.change(world, house.entry, state=State.BLOCKED)
    world.run()
    assert (call.state, other.state) == ("ended", "ended")
    assert world.told("call.ended")[0]["cause"] == "the phone was blocked"


@pytest.mark.req("P2")
def test_a_phone_that_is_removed_may_end_the_call_that_it_has_and_gets_no_other(world, house) -> None:
    call, other = world.talk(house.alice, house.bob)
    house.phones.change(world, house.entry, gone=True)
    world.run()
    assert (call.state, other.state) == ("talking", "talking")
    another = house.alice.call("202")
    world.run()
    assert another.status("INVITE")[-1] in (401, 403, 407)
    call.bye()
    world.run()
    assert other.state == "ended"


@pytest.mark.req("P2")
def test_an_emergency_call_is_never_dropped(world, house) -> None:
    world.carrier()
    world.rights.scope(Scope.INTERNAL)
    call = house.alice.call("911")
    world.run()
    house.phones.change(world, house.entry, state=State.BLOCKED)
    world.run()
    assert call.state == "talking"
    call.bye()
    world.run()

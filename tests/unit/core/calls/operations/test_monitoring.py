"""Watching and recording, asked for over the API: whose rights count, who is called, and what is said."""

import pytest

from ringwall.core.calls.features import recording
from ringwall.core.calls.operations import monitoring
from ringwall.core.errors import OperationError
from ringwall.core.identity.permissions import Role
from ringwall.core.operations import Actor, Operations
from ringwall.policy import FROM_ALL
from support.calls.mailboxes import Mailboxes, hears, the_call
from support.calls.world import World

pytestmark = pytest.mark.req("C2")
ACTOR = Actor("api", "admin", "192.0.2.7", Role.ADMINISTRATOR)


class Ledger:
    def __init__(self, world):
        self.record = world.record


@pytest.fixture(autouse=True)
def media(world: World):
    world.media_up()
    return world.media_server


@pytest.fixture
def mailboxes():
    return Mailboxes()


@pytest.fixture
def ask(world, mailboxes):
    operations = Operations(Ledger(world))
    desk = recording.connect(world.switch, mailboxes)
    monitoring.register(operations, world.switch, desk)

    def run(operation, **arguments):
        if operation in {"monitor", "coach", "barge"}:
            operation, arguments["mode"] = "watch", operation
        task = world.loop.create_task(operations.run(f"call.{operation}", arguments, ACTOR))
        world.run(5)
        return task.result()

    return run


@pytest.fixture
def talk(world):
    world.rights.telephony(
        monitor=True, accept_monitor=FROM_ALL, barge_in=True, accept_barge_in=FROM_ALL,
        record_own=True, record_others=True, accept_record=FROM_ALL,
    )  # fmt: skip
    a, b = world.talk(world.phone("201"), world.phone("202"))
    yield a, b
    if "talking" in (a.state, b.state):
        world.run(5)
        a.bye()


def test_the_phones_of_the_supervisor_ring_and_the_first_one_watches(world, media, talk, ask):
    one, other = world.phone("301"), world.phone("301")
    other.on_invite = "ring"
    told = ask("monitor", of="201", by="301")
    assert (told["state"], told["mode"]) == ("calling", "silent monitor")
    assert one.last.state == "talking"
    assert other.last.state == "cancelled"
    assert hears(world) == {"301": {"201", "202"}, "201": {"202"}, "202": {"201"}}
    [asked] = world.told("admin.watch.asked")
    assert (asked["actor"]["name"], asked["by"], asked["of"]) == ("admin", "301", "201")
    assert world.told("watch.started")[0]["by"] == "301"
    one.last.bye()
    world.run(5)
    assert the_call(world).relay is not None
    assert not media.legs


def test_who_watches_already_goes_on_in_another_mode(world, talk, ask):
    boss = world.phone("301")
    ask("monitor", of="201", by="301")
    assert ask("barge", of="201", by="301")["state"] == "watching"
    assert hears(world)["202"] == {"201", "301"}
    ask("coach", of="201", by="301")
    assert hears(world)["202"] == {"201"}
    assert hears(world)["201"] == {"202", "301"}
    assert ask("leave", of="202")["by"] == "301"
    assert boss.last.state == "ended"
    assert the_call(world).relay is not None
    with pytest.raises(OperationError, match="Nobody watches"):
        ask("leave", of="201")


@pytest.mark.parametrize("operation", ["monitor", "coach", "barge"])
def test_an_administrator_gives_nobody_a_right_by_asking(world, talk, ask, operation):
    boss = world.phone("301")
    world.rights.telephony(accept_monitor=FROM_ALL, accept_barge_in=FROM_ALL)
    with pytest.raises(OperationError) as refused:
        ask(operation, of="201", by="301")
    assert refused.value.code == "refused"
    assert not boss.calls
    assert world.told("call.denied")[0]["rule"] == "feature.denied"
    assert world.told("admin.refused")[0]["operation"] == "call.watch"


def test_what_cannot_be_watched_says_why(world, talk, ask):
    world.phone("301", register=False)
    with pytest.raises(OperationError, match="No phone of 301 is signed in"):
        ask("monitor", of="201", by="301")
    with pytest.raises(OperationError, match="talks with nobody"):
        ask("monitor", of="203", by="301")
    with pytest.raises(OperationError, match="call of their own"):
        ask("monitor", of="201", by="202")
    assert the_call(world).watch is None


@pytest.mark.parametrize("answer", ["ring", 486])
def test_a_supervisor_who_does_not_answer_watches_nothing(world, media, talk, ask, answer):
    boss = world.phone("301")
    boss.on_invite = answer
    ask("monitor", of="201", by="301")
    world.run(60)
    assert boss.last.state in {"ended", "cancelled"}
    assert the_call(world).watch is None
    assert not talk[0].requests
    assert not media.legs


def test_the_end_of_the_call_stops_the_ringing(world, talk, ask):
    boss = world.phone("301")
    boss.on_invite = "ring"
    ask("monitor", of="201", by="301")
    talk[0].bye()
    world.run(3)
    assert boss.last.state == "cancelled"


def test_a_call_is_recorded_and_that_is_ended(world, media, mailboxes, talk, ask):
    world.phone("301")
    told = ask("record", of="201")
    assert (told["by"], told["mailbox"]) == ("201", "m201")
    assert len(media.recorders) == 1
    with pytest.raises(OperationError, match="already"):
        ask("record", of="201", by="301")
    with pytest.raises(OperationError, match="301 does not record"):
        ask("stop-recording", of="201", by="301")
    ask("stop-recording", of="201")
    assert mailboxes.kept == mailboxes.begun
    assert ask("record", of="201", by="301")["mailbox"] == "m301"
    ask("stop-recording", of="201", by="301")


def test_what_cannot_be_recorded_says_why(world, mailboxes, talk, ask):
    mailboxes.full = True
    with pytest.raises(OperationError, match="mailbox 201 is full"):
        ask("record", of="201")
    world.rights.telephony(record_own=False)
    with pytest.raises(OperationError) as refused:
        ask("record", of="201")
    assert "Recording of Own Calls" in str(refused.value)

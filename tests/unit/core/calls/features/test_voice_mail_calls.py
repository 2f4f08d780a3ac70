"""Which calls go to voice mail, and as what (V1)."""

import pytest

from ringwall.core.calls.features import voice_mail
from ringwall.core.calls.model.settings import Forwarding
from ringwall.core.media.items import Prompt
from ringwall.core.media.menu import HANG_UP
from ringwall.core.voicemail.model import Reason
from support.calls.world import World


class VoiceMail:
    def __init__(self) -> None:
        self.boxes = {"202"}
        self.always: set[str] = set()
        self.left: list = []
        self.opened: list = []

    def takes(self, extension):
        return extension in self.boxes

    def takes_all(self, extension):
        return extension in self.always

    async def leave(self, party, visitor, extension, reason):
        self.left.append((visitor.number, visitor.outside, extension, reason))
        await party.play(Prompt("vm-intro"))
        return HANG_UP

    async def own_mailbox(self, party, visitor):
        self.opened.append(visitor.extension)
        return HANG_UP

    any_mailbox = own_mailbox


@pytest.fixture
def mail(world: World):
    world.media_up()
    made = VoiceMail()
    voice_mail.connect(world.switch, made)
    return made


def test_a_call_that_nobody_answers_goes_to_the_mailbox(world: World, mail) -> None:
    a, b = world.phone("201"), world.phone("202")
    b.on_invite = "ring"
    call = a.call("202")
    world.run(61)
    assert call.state == "talking"
    assert b.last.state == "cancelled"
    assert mail.left == [("201", False, "202", Reason.NO_ANSWER)]
    world.run(3)
    assert call.state == "ended"
    [record] = world.told("call.ended")
    assert (record["voice_mail"], record["dialled"]) == ("202", "202")


@pytest.mark.parametrize(("answer", "reason"), [(486, Reason.BUSY), (480, Reason.NO_ANSWER)])
def test_one_who_is_busy_or_declines_has_a_mailbox(world: World, mail, answer, reason) -> None:
    a, b = world.phone("201"), world.phone("202")
    b.on_invite = answer
    a.call("202")
    world.run(5)
    assert mail.left == [("201", False, "202", reason)]


def test_one_whose_phones_are_away_has_a_mailbox(world: World, mail) -> None:
    a = world.phone("201")
    world.phone("202", register=False)
    call = a.call("202")
    world.run(5)
    assert mail.left == [("201", False, "202", Reason.UNREACHABLE)]
    assert call.statuses[-1] == 200


def test_a_caller_from_outside_is_known_as_one(world: World, mail) -> None:
    carrier = world.carrier()
    world.phone("202", register=False)
    world.rights.change(own_numbers={"+14085550202": "202"})
    call = carrier.call("+14085550202")
    world.run(5)
    assert call.statuses[-1] == 200, call.statuses
    [(_, outside, extension, _)] = mail.left
    assert (outside, extension) == (True, "202")


def test_forwarding_comes_first(world: World, mail) -> None:
    a, b, c = world.phone("201"), world.phone("202"), world.phone("203")
    b.on_invite = 486
    world.rights.forwards["202"] = Forwarding(busy="203")
    a.call("202")
    world.run()
    assert c.last.state == "talking"
    assert not mail.left
    c.last.bye()


def test_a_user_without_a_mailbox_and_one_while_the_server_is_away_are_as_before(world: World, mail) -> None:
    a = world.phone("201")
    world.phone("203", register=False)
    call = a.call("203")
    world.run(8)
    assert call.statuses[-1] == 480
    world.media_server.lose()
    world.phone("202", register=False)
    call = a.call("202")
    world.run(8)
    assert call.statuses[-1] == 480
    assert not mail.left


def test_an_owner_reaches_their_mailbox_by_its_code(world: World, mail) -> None:
    a = world.phone("202")
    a.call("*98")
    world.run(2)
    assert mail.opened == ["202"]


def test_a_transferred_party_comes_to_the_mailbox_too(world: World, mail) -> None:
    a, b = world.phone("201"), world.phone("203")
    c = world.phone("202")
    c.on_invite = 486
    call, other = world.talk(a, b)
    call.request("REFER", headers=[("Refer-To", f"<sip:202@{world.domain}>")])
    world.run(0.5)
    assert mail.left == [("203", False, "202", Reason.BUSY)]
    assert other.state == "talking"
    assert len(world.media_server.legs) == 1
    world.run(5)
    assert other.state == "ended"


def test_an_owner_may_have_every_call_go_to_the_mailbox(world: World, mail) -> None:
    a, b = world.phone("201"), world.phone("202")
    mail.always.add("202")
    a.call("202")
    world.run(5)
    assert mail.left == [("201", False, "202", Reason.ALWAYS)]
    assert not b.calls

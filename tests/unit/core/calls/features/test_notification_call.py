"""Calls that tell of messages: under the rights of the mailbox's owner, and nowhere else."""

from dataclasses import replace

import pytest

from ringwall.core.calls.features.notification_call import MOST, MessageNotices
from ringwall.core.calls.model.settings import Forwarding
from ringwall.core.media.items import Prompt
from ringwall.core.media.menu import HANG_UP
from ringwall.policy import LEAST_VOICE_MAIL, CallRules, Scope
from support.calls.rights import GROUP

pytestmark = pytest.mark.req("C4", "C5")

NATIONAL, ABROAD = "912125550123", "9011442079460123"


@pytest.fixture
def notices(world):
    world.media_up()
    world.rights.telephony(forwarding=CallRules(Scope.NATIONAL))
    allow(world)
    made = MessageNotices(world.switch)
    made.told, made.heard = [], []

    async def menu(party, visitor):
        made.heard.append((visitor.extension, visitor.outside))
        await party.play(Prompt("vm-youhave"))
        made.keys = await party.key(3)
        return HANG_UP

    made.tell = lambda to, mailbox="201": made.call(mailbox, to, menu, made.told.append)
    return made


def allow(world, **permissions):
    cos = replace(LEAST_VOICE_MAIL, **{"external_notification": True, **permissions})
    world.rights.change(
        voice_mail=(cos,), groups=(replace(GROUP, voice_mail=cos.name), *world.rights.parts.groups[1:])
    )


def test_an_extension_is_called_and_hears_the_menu(world, notices):
    world.phone("201")
    phone = world.phone("202")
    notices.tell("202")
    world.run(3)
    assert notices.told == [""]
    assert notices.heard == [("202", False)]
    assert phone.last.state == "talking"
    assert "201" in phone.last.invite.headers.get("From")
    world.run(5)
    assert phone.last.state == "ended"
    [record] = world.told("call.ended")
    assert record["feature"] == "message notice"
    assert record["mailbox"] == "201"


@pytest.mark.req("C6", "T5")
def test_an_outside_number_is_called_with_a_grant(world, notices):
    world.phone("201")
    carrier = world.carrier()
    notices.tell(NATIONAL)
    world.run(3)
    assert notices.told == [""]
    assert notices.heard == [("", True)]
    assert b"RTP/SAVP" in carrier.last.remote_sdp
    world.run(5)
    assert carrier.last.state == "ended"
    [record] = world.told("call.ended")
    assert record["path"] == "notify"
    assert record["number"] == "+12125550123"
    assert record["grants"][0]["subject"] == {"kind": "mailbox", "mailbox": "201", "from_outside": False}


@pytest.mark.parametrize(
    ("to", "permissions", "rule"),
    [
        ("202", {"notification": False, "external_notification": False}, "notify.off"),
        (NATIONAL, {"external_notification": False}, "notify.external-off"),
        (ABROAD, {}, "call.beyond-scope"),
        ("911", {}, "emergency.automatic"),
    ],
)
def test_what_the_owner_may_not_have_called_is_not(world, notices, to, permissions, rule):
    world.phone("201")
    phone, carrier = world.phone("202"), world.carrier()
    allow(world, **permissions)
    notices.tell(to)
    world.run(3)
    assert not phone.calls
    assert not carrier.calls
    assert not world.switch.calls
    [denied] = world.told("call.denied")
    assert (denied["rule"], denied["action"], denied["caller"]) == (rule, "notify", "201")
    assert len(notices.told) == 1
    assert notices.told[0]


@pytest.mark.parametrize("on_invite", ["ring", 486, "silence"])
def test_nobody_answers_and_no_mailbox_and_no_forwarding_takes_it(world, notices, on_invite):
    world.phone("201")
    phone, other = world.phone("202"), world.phone("203")
    phone.on_invite = on_invite
    world.rights.forwards["202"] = Forwarding("", "203", "203", 5)

    class Elsewhere:
        def may_take(self, extension):
            return True

        def take(self, call, extension, case):
            raise AssertionError("a notice was taken elsewhere")

    world.switch.hooks.diverters.append(Elsewhere())
    notices.tell("202")
    world.run(70)
    assert not other.calls
    assert not notices.heard
    assert len(notices.told) == 1
    assert "nobody answered" in notices.told[0]
    assert not world.media_server.legs


def test_who_is_not_there_is_not_called(world, notices):
    world.phone("201")
    world.phone("202", register=False)
    notices.tell("202")
    world.run(3)
    assert "nobody answered" in notices.told[0]


def test_without_the_media_server_nobody_is_called(world, notices):
    world.phone("201")
    phone = world.phone("202")
    world.media_server.lose()
    notices.tell("202")
    world.run(3)
    assert not phone.calls
    assert "503" in notices.told[0]


def test_there_is_one_for_a_mailbox_and_few_in_all(world, notices):
    world.phone("201")
    phone = world.phone("202")
    phone.on_invite = "ring"
    notices.tell("202")
    notices.tell("202")
    assert notices.told == ["another notice is under way"]
    world.run(70)
    notices.tell("202")
    world.run(1)
    assert len(phone.calls) == 2
    notices._under_way |= {str(number) for number in range(MOST)}
    world.rights.user("203", "Carla")
    notices.tell("202", "203")
    assert notices.told[-1] == "another notice is under way"
    world.run(70)


def test_keys_of_the_one_who_answers_reach_the_menu(world, notices):
    world.phone("201")
    phone = world.phone("202")
    notices.tell("202")
    world.run(3)
    [tag] = world.media_server.legs
    world.media_server.event({"event": "dtmf", "leg": tag, "key": "1", "ms": 100})
    world.run(1)
    assert notices.keys == "1"
    world.run(2)
    assert phone.last.state == "ended"


def test_who_hangs_up_has_been_told(world, notices):
    world.phone("201")
    phone = world.phone("202")
    notices.tell("202")
    world.run(1.5)
    phone.last.bye()
    world.run(2)
    assert notices.told == [""]
    assert not world.switch.calls

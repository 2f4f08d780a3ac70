"""People whom a site names hear of an emergency call at once: on their phones, and by mail (P2)."""

from dataclasses import replace
from functools import partial

import pytest

from ringwall.core.calls.dialog.messages import send_text
from ringwall.core.mail import MailRefused
from ringwall.core.notices import emergency
from ringwall.core.notices.emergency import EmergencyNotices
from support.calls.rights import SITE
from support.calls.world import World


class Mail:
    """Takes what is posted, or says why not."""

    def __init__(self) -> None:
        self.posted = []
        self.refuses = ""

    def post(self, to, subject, text, *, about="", urgent=False):
        if self.refuses:
            raise MailRefused(self.refuses)
        self.posted.append((to, subject, text, about, urgent))
        return [f"m{len(self.posted)}"]


@pytest.fixture
def world():
    world = World()
    yield world
    world.finish()


@pytest.fixture
def mail(world):
    mail = Mail()
    names = {"201": "Alice"}
    notices = EmergencyNotices(
        mail, partial(send_text, world.switch), world.record, lambda extension: names.get(extension, "")
    )
    world.switch.hooks.emergency.append(notices.told)
    return mail


def tells(world: World, *people: str) -> None:
    world.rights.change(sites=(replace(SITE, notify=people),))


def emergency_call(world: World, alice) -> None:
    a = alice.call("911")
    world.run()
    assert a.state == "talking", a.statuses
    a.bye()
    world.run()


@pytest.mark.req("P2")
def test_phones_show_a_text_and_mail_goes_first(world: World, mail) -> None:
    alice, guard, second, _ = world.phone("201"), world.phone("202"), world.phone("202"), world.carrier()
    second.on_message = 501
    tells(world, "202", "security@example.com")
    emergency_call(world, alice)
    [text] = guard.texts
    assert text.splitlines()[:4] == [
        "EMERGENCY CALL to 911",
        "Who: 201 Alice",
        "Where: 1 Main Street, floor 2",
        "Call back: +14085550201",
    ]
    [(to, subject, body, about, urgent)] = mail.posted
    assert (to, about, urgent) == ("security@example.com", "emergency", True)
    assert subject == "EMERGENCY CALL to 911 from 201 Alice"
    assert body == text
    told = {(one["to"], one["how"]) for one in world.told("emergency.told")}
    assert told == {("202", "message"), ("security@example.com", "mail")}
    assert [one["phones"] for one in world.told("emergency.told") if one["to"] == "202"] == [1]
    assert {one["call"] for one in world.told("emergency.told")} == {
        world.told("emergency.called")[0]["call"]
    }


@pytest.mark.req("P2")
def test_whoever_could_not_be_told_is_on_record_with_the_reason(world: World, mail) -> None:
    alice, guard, _ = world.phone("201"), world.phone("202"), world.carrier()
    guard.on_message = 405
    mail.refuses = "There is no mail server."
    tells(world, "202", "203", "security@example.com")
    world.rights.user("203", "Nobody")
    emergency_call(world, alice)
    assert {(one["to"], one["why"]) for one in world.told("emergency.not_told")} == {
        ("202", "405 Method Not Allowed"),
        ("203", "no phone is signed in"),
        ("security@example.com", "There is no mail server."),
    }


@pytest.mark.req("P2")
def test_the_call_goes_through_whatever_becomes_of_the_notices(world: World, mail, monkeypatch) -> None:
    alice, _ = world.phone("201"), world.carrier()

    def broken(*_, **__):
        raise RuntimeError("a test")

    monkeypatch.setattr(mail, "post", broken)
    tells(world, "security@example.com")
    emergency_call(world, alice)
    [one] = world.told("emergency.not_told")
    assert "the log of the core" in one["why"]
    assert world.errors.records
    world.errors.records.clear()


def test_one_caller_cannot_have_people_told_without_end(world: World, mail, monkeypatch) -> None:
    monkeypatch.setattr(emergency, "MOST_CALLS", 2)
    alice, bob, _ = world.phone("201"), world.phone("202"), world.carrier()
    tells(world, "security@example.com")
    for _ in range(4):
        emergency_call(world, alice)
    assert len(mail.posted) == 2
    assert len(world.told("emergency.called")) == 4
    assert len(world.told("emergency.not_told")) == 2
    emergency_call(world, bob)
    assert len(mail.posted) == 3


def test_where_nobody_is_named_nobody_is_told(world: World, mail) -> None:
    alice, _ = world.phone("201"), world.carrier()
    tells(world)
    emergency_call(world, alice)
    assert (mail.posted, world.told("emergency.told"), world.told("emergency.not_told")) == ([], [], [])

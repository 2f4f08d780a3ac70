"""Who is told of new messages, under which rights, and when that stops."""

import pytest

from ringwall.core.errors import OperationError, StoreError
from ringwall.core.voicemail.escalation import Profile, Step
from ringwall.core.voicemail.model import Folder, MailFor, Mode
from ringwall.core.voicemail.notices import Notices
from ringwall.core.voicemail.records import Alarm
from ringwall.policy import CallRules, Scope
from support.voicemail.rig import ANNA, Rig

pytestmark = pytest.mark.req("V2", "C4")

ABROAD = "9011442079460123"
NATIONAL = "912125550123"
PROFILE = Profile((Step("202", 60), Step("anna@example.com", 120), Step(NATIONAL, 300)), repeats=1)


class Carriers:
    def __init__(self):
        self.told = []

    def mail(self, order):
        self.told.append((order.about, order.to))

    def call(self, order):
        assert "@" not in order.to
        self.told.append((order.about, order.to))


@pytest.fixture
def rig():
    rig = Rig()
    rig.cos(external_notification=True)
    rig.rights.telephony(forwarding=CallRules(Scope.NATIONAL))
    rig.carriers = Carriers()
    rig.notices = Notices(rig.mailboxes, rig.preferences, rig.carriers)
    return rig


async def prepare(rig, profile=PROFILE, **settings):
    anna = rig.user(ANNA)
    await rig.preferences.put_profile(anna, 1, profile, {})
    await rig.preferences.change(anna, {"profiles": {"standard": 1}, **settings}, {})


async def pass_time(rig, seconds):
    """Let time pass, doing what is due on the way."""
    end = rig.clock.at + seconds
    while True:
        wait = await rig.notices.due()
        if rig.clock.at + wait > end:
            rig.clock.at = end
            return
        rig.clock.at += wait


def told(rig):
    found, rig.carriers.told = rig.carriers.told, []
    return found


async def test_the_steps_follow_one_another_and_the_round_is_repeated(rig):
    await prepare(rig)
    await rig.message(ANNA)
    await pass_time(rig, 1)
    assert told(rig) == [("escalation", "202")]
    await pass_time(rig, 60)
    assert told(rig) == [("escalation", "anna@example.com")]
    await pass_time(rig, 118)
    assert told(rig) == []
    await pass_time(rig, 3)
    assert told(rig) == [("escalation", NATIONAL)]
    await pass_time(rig, 10_000)
    assert [to for _, to in told(rig)] == ["202", "anna@example.com", NATIONAL]
    assert not rig.memory.tables[Alarm]


@pytest.mark.parametrize("what", ["heard", "deleted", "removed"])
async def test_it_stops_when_anyone_hears_the_message_or_it_is_gone(rig, what):
    await prepare(rig)
    message = await rig.message(ANNA)
    await pass_time(rig, 1)
    told(rig)
    async with rig.box(ANNA) as box:
        if what == "heard":
            await rig.mailboxes.hear(box, message)
        elif what == "deleted":
            await rig.mailboxes.move(box, message, Folder.DELETED)
        else:
            await rig.mailboxes.purge([message])
    await pass_time(rig, 10_000)
    assert told(rig) == []
    assert not rig.memory.tables[Alarm]


async def test_a_message_that_is_made_unheard_starts_it_anew(rig):
    await prepare(rig)
    message = await rig.message(ANNA)
    async with rig.box(ANNA) as box:
        message = await rig.mailboxes.hear(box, message)
        message = await rig.mailboxes.move(box, message, Folder.SAVED)
        await pass_time(rig, 1000)
        assert told(rig) == []
        await rig.mailboxes.move(box, message, Folder.NEW)
    await pass_time(rig, 1)
    assert told(rig) == [("escalation", "202")]


async def test_the_first_unheard_message_starts_it_or_every_one(rig):
    await prepare(rig)
    await rig.message(ANNA)
    await pass_time(rig, 61)
    told(rig)
    await rig.message(ANNA)
    await pass_time(rig, 1)
    assert told(rig) == []
    await rig.preferences.change(rig.user(ANNA), {"every_message": True}, {})
    await rig.message(ANNA)
    await pass_time(rig, 1)
    assert told(rig)[-1] == ("escalation", "202")


async def test_the_profile_is_that_of_the_mode(rig):
    await prepare(rig)
    await rig.preferences.put_profile(rig.user(ANNA), 2, Profile((Step("203", 60),)), {})
    await rig.preferences.change(rig.user(ANNA), {"profiles": {"meeting": 2}, "mode": Mode.MEETING}, {})
    await rig.message(ANNA)
    await pass_time(rig, 1)
    assert told(rig) == [("escalation", "203")]


async def test_outside_numbers_are_passed_over_when_the_right_is_gone(rig):
    await prepare(rig)
    await rig.message(ANNA)
    await pass_time(rig, 100)
    told(rig)
    rig.cos(external_notification=False)
    await pass_time(rig, 100)
    assert told(rig) == [("escalation", "202")], "the next round begins at once"
    assert "voicemail.notice_denied" in rig.records


async def test_without_the_right_to_notices_nobody_is_told(rig):
    await prepare(rig, mail_for=MailFor.ALL, mail_to="anna@example.com")
    rig.cos(notification=False)
    await rig.message(ANNA)
    await pass_time(rig, 1000)
    assert told(rig) == []


@pytest.mark.parametrize(
    ("to", "code"),
    [(ABROAD, "refused"), ("911", "refused"), ("5555", "refused"), ("no@one@else.example", "invalid")],
)
async def test_a_destination_that_may_not_be_told_is_not_kept(rig, to, code):
    with pytest.raises(OperationError) as refused:
        await rig.preferences.put_profile(rig.user(ANNA), 1, Profile((Step(to, 60),)), {})
    assert refused.value.code == code
    assert rig.preferences.profiles(rig.user(ANNA)) == {}


@pytest.mark.req("C5")
async def test_an_outside_number_is_not_kept_without_its_right(rig):
    rig.cos(external_notification=False)
    with pytest.raises(OperationError):
        await rig.preferences.put_profile(rig.user(ANNA), 1, PROFILE, {})
    rig.cos(notification=False)
    for step in (Step("202"), Step("anna@example.com")):
        with pytest.raises(OperationError):
            await rig.preferences.put_profile(rig.user(ANNA), 1, Profile((step,)), {})


async def test_mail_tells_of_all_messages_or_of_urgent_ones(rig):
    settings = {"mail_for": MailFor.URGENT, "mail_to": "anna@example.com"}
    await rig.preferences.change(rig.user(ANNA), settings, {})
    await rig.message(ANNA)
    assert told(rig) == []
    await rig.message(ANNA, urgent=True)
    assert told(rig) == [("message", "anna@example.com")]
    await rig.preferences.change(rig.user(ANNA), {"mail_for": MailFor.ALL}, {})
    await rig.message(ANNA)
    assert told(rig) == [("message", "anna@example.com")]


async def test_a_full_mailbox_tells_its_owner_once(rig):
    rig.cos(max_messages=2, external_notification=True)
    await rig.preferences.change(rig.user(ANNA), {"mail_to": "anna@example.com"}, {})
    first, _ = await rig.message(ANNA), await rig.message(ANNA)
    assert told(rig) == [("full", "anna@example.com")]
    for _ in range(3):
        with pytest.raises(Exception, match="full"):
            await rig.message(ANNA)
    assert told(rig) == []
    await rig.mailboxes.purge([first])
    await rig.message(ANNA)
    assert told(rig) == [("full", "anna@example.com")]


@pytest.mark.req("R2")
async def test_the_next_process_goes_on_where_this_one_ended(rig):
    await prepare(rig)
    await rig.message(ANNA)
    await pass_time(rig, 61)
    told(rig)
    rig.mailboxes.owned.alarms = {key: row.value for key, row in rig.memory.tables[Alarm].items()}
    rig.mailboxes.listeners.clear()
    rig.notices = Notices(rig.mailboxes, rig.preferences, rig.carriers)
    await pass_time(rig, 121)
    assert told(rig) == [("escalation", NATIONAL)]


@pytest.mark.req("R2")
async def test_nothing_is_told_while_it_cannot_be_written_down(rig):
    await prepare(rig)
    await rig.message(ANNA)
    rig.memory.failing = True
    with pytest.raises(StoreError):
        await rig.notices.due()
    assert told(rig) == []
    rig.memory.failing = False
    await rig.notices.due()
    assert told(rig) == [("escalation", "202")]

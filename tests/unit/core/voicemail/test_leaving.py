"""Callers leave messages: what they said is kept, and the mailbox takes no more than it may."""

import asyncio

import pytest

from ringwall.core.media.interaction import HungUp
from ringwall.core.media.menu import Connect, HangUp
from ringwall.core.voicemail.bounds import NoRoom
from ringwall.core.voicemail.events import What
from ringwall.core.voicemail.model import Case, Folder, Mode, Reason, greeting_key
from ringwall.policy import Action, UserSubject
from support.voicemail.party import LEAVES, SILENT, Speech
from support.voicemail.rig import ANNA, BERT, CARLA, inside, outside

pytestmark = pytest.mark.req("V2")


async def left(rig, party, visitor=None, reason=Reason.NO_ANSWER):
    return await rig.mail.leave(party, visitor or inside(BERT), ANNA, reason)


async def record_greeting(rig, kind, extension=ANNA):
    async with rig.room.taking(10) as (recording, key):
        rig.files.write(recording.name, key, 3.0)
        made = await rig.vault.measured(recording)
        await rig.preferences.set_greeting(rig.user(extension), kind, made)
        return recording.name


async def test_a_message_is_left_and_said_to_be_saved_after_it_is(rig, party):
    caller = party(SILENT, Speech(7.5), "1")
    assert await left(rig, caller) == HangUp("message left")
    (message,) = await rig.messages(ANNA, Folder.NEW)
    assert (message.seconds, message.sender, message.urgent, message.private) == (7.5, BERT, False, False)
    assert caller.prompts[:6] == [
        "vm-theperson",
        "digits/2",
        "digits/0",
        "digits/1",
        "vm-isunavail",
        "vm-intro",
    ]
    assert caller.prompts[-2:] == ["vm-msgsaved", "vm-goodbye"]
    assert caller.beeps == 1
    assert rig.counts(ANNA).new == 1
    assert "voicemail.message_left" in rig.records
    assert [each.what for each in rig.happened] == [What.ARRIVED]


@pytest.mark.parametrize("ended_by", ["", LEAVES], ids=["silence", "hang-up"])
async def test_what_was_said_is_kept_however_the_caller_ends(rig, party, ended_by):
    caller = party(SILENT, Speech(4.0, ended_by))
    try:
        await left(rig, caller)
    except HungUp:
        assert ended_by == LEAVES
    assert [one.seconds for one in await rig.messages(ANNA, Folder.NEW)] == [4.0]


async def test_hanging_up_in_the_review_keeps_the_message_with_its_marks(rig, party):
    with pytest.raises(HungUp):
        await left(rig, party(SILENT, Speech(4.0), "45", LEAVES))
    (message,) = await rig.messages(ANNA, Folder.NEW)
    assert message.urgent
    assert message.private


async def test_the_review_lets_a_caller_listen_and_record_anew(rig, party):
    caller = party(SILENT, Speech(4.0), "2", "3", Speech(9.0), "2", SILENT, "1")
    await left(rig, caller)
    (message,) = await rig.messages(ANNA, Folder.NEW)
    assert message.seconds == 9.0
    first, second = caller.recorded
    assert caller.played == [first, second]
    assert message.parts == (second,)
    await rig.mail.tidy()
    assert set(rig.files.there) == {second}


async def test_a_caller_who_cancels_leaves_nothing(rig, party):
    caller = party(SILENT, Speech(4.0), "*")
    assert await left(rig, caller) == HangUp("cancelled")
    await rig.mail.tidy()
    assert not rig.files.there
    assert rig.counts(ANNA).kept == 0
    assert rig.mailboxes.budget.used == 0


async def test_what_is_too_short_is_no_message(rig, party):
    caller = party(SILENT, Speech(0.4), Speech(5.0), "1")
    await left(rig, caller)
    assert "vm-tooshort" in caller.prompts
    assert [one.seconds for one in await rig.messages(ANNA, Folder.NEW)] == [5.0]
    with pytest.raises(HungUp):
        await left(rig, party(SILENT, Speech(0.4, LEAVES)))
    assert rig.counts(ANNA).new == 1
    assert rig.counts(ANNA).drafts == 0


async def test_a_message_ends_at_its_greatest_length(rig, party):
    rig.cos(incoming_length=30)
    await left(rig, party(SILENT, Speech(500.0, "")))
    assert [one.seconds for one in await rig.messages(ANNA, Folder.NEW)] == [30.0]


async def test_a_number_that_a_caller_from_outside_shows_is_never_a_sender(rig, party):
    await rig.mail.leave(party(SILENT, Speech(4.0, "")), outside(number="202"), ANNA, Reason.BUSY)
    (message,) = await rig.messages(ANNA, Folder.NEW)
    assert (message.sender, message.number) == ("", "202")


async def test_the_greeting_is_that_of_the_mode_and_the_case(rig, party):
    unavailable = await record_greeting(rig, greeting_key(Mode.STANDARD, Case.UNAVAILABLE))
    busy = await record_greeting(rig, greeting_key(Mode.STANDARD, Case.BUSY))
    away = await record_greeting(rig, greeting_key(Mode.OUT_OF_OFFICE, Case.UNAVAILABLE))

    async def greeted(reason):
        caller = party("#", Speech(3.0, ""))
        await left(rig, caller, reason=reason)
        return caller.played

    assert await greeted(Reason.NO_ANSWER) == [unavailable]
    assert await greeted(Reason.BUSY) == [busy]
    await rig.preferences.change(rig.user(ANNA), {"mode": Mode.OUT_OF_OFFICE}, {})
    assert await greeted(Reason.BUSY) == [away]
    temporary = await record_greeting(rig, "temporary")
    assert await greeted(Reason.BUSY) == [temporary]
    await rig.preferences.change(rig.user(ANNA), {"mode": Mode.MEETING, "temporary": False}, {})
    assert await greeted(Reason.BUSY) == []


async def test_a_recorded_name_takes_the_place_of_the_number(rig, party):
    name = await record_greeting(rig, "name")
    caller = party(SILENT, Speech(3.0, ""))
    await left(rig, caller, reason=Reason.BUSY)
    assert caller.played == [name]
    assert caller.prompts[0] == "vm-isonphone"


async def test_a_full_mailbox_says_so_and_takes_nothing(rig, party):
    rig.cos(max_messages=2)
    for _ in range(2):
        await rig.message(ANNA)
    caller = party(SILENT)
    then = await left(rig, caller)
    assert then == HangUp("the mailbox is full")
    assert "vm-mailboxfull" in caller.prompts
    assert not caller.recorded
    assert "voicemail.mailbox_full" in rig.records
    assert rig.happened[-1].what is What.FULL


@pytest.mark.req("C4")
async def test_as_many_callers_at_once_as_there_are_places(rig):
    rig.cos(max_messages=3)
    begun = await asyncio.gather(
        *(rig.drafts.begin(ANNA, outside()) for _ in range(10)), return_exceptions=True
    )
    assert sum(not isinstance(one, Exception) for one in begun) == 3
    assert {one.why for one in begun if isinstance(one, NoRoom)} == {"full"}


async def test_zero_leads_to_the_assistant_who_was_set_and_to_nobody_else(rig, party):
    caller = party("0", SILENT, Speech(3.0, ""))
    assert await left(rig, caller) == HangUp("message left")
    assert "vm-reachoper" not in caller.prompts
    await rig.preferences.change(rig.user(ANNA), {"assistant": CARLA}, {})
    caller = party("0")
    then = await left(rig, caller, outside())
    assert then == Connect(CARLA, UserSubject(ANNA), Action.FORWARD_NO_ANSWER)
    assert "vm-reachoper" in caller.prompts
    rig.people.remove(CARLA)
    assert await left(rig, party("0", SILENT, Speech(3.0, ""))) == HangUp("message left")


async def test_zero_after_a_message_keeps_it_or_not_as_the_caller_says(rig, party):
    await rig.preferences.change(rig.user(ANNA), {"assistant": CARLA}, {})
    assert isinstance(await left(rig, party(SILENT, Speech(3.0), "01")), Connect)
    assert rig.counts(ANNA).new == 1
    assert isinstance(await left(rig, party(SILENT, Speech(3.0), "0", SILENT * 9)), Connect)
    assert rig.counts(ANNA).new == 1


async def test_the_operator_stands_in_where_there_is_no_assistant(rig, party):
    rig.preferences.operator = CARLA
    assert await left(rig, party("0")) == Connect(CARLA, UserSubject(ANNA), Action.FORWARD_NO_ANSWER)


async def test_there_is_no_mailbox_without_a_user(rig, party):
    caller = party()
    then = await rig.mail.leave(caller, outside(), "299", Reason.NO_ANSWER)
    assert then == HangUp("there is no such mailbox")
    assert caller.prompts == ["vm-nobodyavail", "vm-goodbye"]


# The disk, crashes


@pytest.mark.req("R2")
async def test_nothing_is_said_to_be_saved_that_is_not(rig, party):
    caller = party(SILENT, Speech(6.0), "1")

    rig.mailboxes.vault.measured, measured = _failing_then(rig), rig.mailboxes.vault.measured
    then = await left(rig, caller)
    assert "vm-msgsaved" not in caller.prompts
    assert caller.prompts[-2:] == ["im-sorry", "please-try-call-later"]
    assert isinstance(then, HangUp)
    # When the disk takes writes again, what was said is there.
    rig.memory.failing = False
    rig.mailboxes.vault.measured = measured
    await rig.mail.tidy()
    assert [one.seconds for one in await rig.messages(ANNA, Folder.NEW)] == [6.0]
    assert rig.counts(ANNA).drafts == 0


def _failing_then(rig):
    measured = rig.mailboxes.vault.measured

    async def look(recording):
        rig.memory.failing = True
        return await measured(recording)

    return look


@pytest.mark.req("R2")
async def test_a_draft_whose_process_died_becomes_a_message(rig):
    for seconds in (8.0, 0.5):
        draft = await rig.drafts.begin(ANNA, outside())
        rig.files.write(draft.recording.name, draft.key, seconds)
    assert await rig.drafts.recover() == 0, "their callers are still there"
    rig.drafts._active.clear()  # what a new process begins with
    assert await rig.drafts.recover() == 1
    assert [one.seconds for one in await rig.messages(ANNA, Folder.NEW)] == [8.0]
    assert rig.counts(ANNA).drafts == 0


@pytest.mark.req("R2")
async def test_a_draft_waits_while_the_media_server_cannot_be_asked(rig):
    draft = await rig.drafts.begin(ANNA, outside())
    rig.files.write(draft.recording.name, draft.key, 8.0)
    rig.drafts._active.clear()
    rig.files.broken = "The media server does not answer."
    assert await rig.drafts.recover() == 0
    assert rig.counts(ANNA).drafts == 1
    rig.files.broken = ""
    assert await rig.drafts.recover() == 1


async def test_a_disk_without_room_is_refused_before_the_beep(rig, party):
    rig.files.free = rig.mailboxes.bounds.least_free_bytes
    caller = party(SILENT)
    await left(rig, caller)
    assert caller.prompts[-2:] == ["im-sorry", "please-try-call-later"]
    assert not caller.recorded
    assert rig.counts(ANNA).drafts == 0
    await left(rig, party(SILENT))
    assert rig.records.count("voicemail.disk_full") == 1, "a caller cannot fill the ledger"


async def test_deleted_messages_make_room_the_oldest_first(party):
    from support.voicemail.rig import Rig

    rig = Rig(disk_bytes=8000 * 400)
    rig.cos(incoming_length=100)
    for _ in range(3):
        await rig.message(ANNA, 100.0)
    async with rig.box(ANNA) as box:
        oldest, second, _newest = box.of(Folder.NEW)
        await rig.mailboxes.move(box, second, Folder.DELETED)
        rig.clock.at += 1
        await rig.mailboxes.move(box, oldest, Folder.DELETED)
    await rig.message(BERT, 100.0)
    with pytest.raises(HungUp):
        await rig.mail.leave(_party(rig, SILENT, Speech(90.0, LEAVES)), outside(), BERT, Reason.NO_ANSWER)
    assert rig.counts(BERT).new == 2
    assert rig.counts(ANNA).deleted == 0
    assert rig.mailboxes.budget.used == 8000 * 290


def _party(rig, *script):
    from support.voicemail.party import Party

    return Party(script, rig.files, rig.clock)


async def test_which_calls_go_to_a_mailbox(rig):
    anna = rig.user(ANNA)
    assert rig.mail.takes(ANNA)
    assert not rig.mail.takes_all(ANNA)
    assert not rig.mail.takes("299")
    await rig.preferences.change(anna, {"always": True}, {})
    assert rig.mail.takes_all(ANNA)
    await rig.preferences.change(anna, {"takes_calls": False}, {})
    assert not rig.mail.takes(ANNA)
    assert not rig.mail.takes_all(ANNA)
    await rig.preferences.change(anna, {"takes_calls": True}, {})
    rig.mail.enabled = False
    assert not rig.mail.takes(ANNA)
    assert not rig.mail.takes_all(ANNA)


async def test_a_message_to_somebody_who_is_removed_meanwhile_is_refuse(rig, party):
    draft = await rig.drafts.begin(ANNA, inside(BERT))
    rig.files.write(draft.recording.name, draft.key, 5.0)
    rig.people.remove(ANNA)
    assert await rig.drafts.finish(draft) is None
    assert "voicemail.message_left" not in rig.records

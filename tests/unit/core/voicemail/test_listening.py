"""The owner listens: every key of the folder menu, and what it does to the message."""

import pytest

from ringwall.core.media.interaction import HungUp
from ringwall.core.media.menu import Connect, HangUp
from ringwall.core.voicemail.events import What
from ringwall.core.voicemail.model import Folder
from ringwall.policy import Action, Callback, MailboxSubject
from support.voicemail.party import LEAVES, SILENT, Speech
from support.voicemail.rig import ANNA, BERT, CARLA, PIN, inside, outside

pytestmark = pytest.mark.req("V2")

IN = (*PIN, "#")


async def opened(rig, party, *script, visitor=None):
    owner = party(*IN, *script)
    then = await rig.mail.own_mailbox(owner, visitor or inside(ANNA))
    return owner, then


async def folders(rig, extension=ANNA):
    return {folder.value: len(await rig.messages(extension, folder)) for folder in Folder}


async def test_a_new_message_is_heard_with_who_and_when_and_is_saved_then(rig, party):
    message = await rig.message(ANNA)
    owner, then = await opened(rig, party, "1", SILENT, "#", "#")
    assert then == HangUp("the owner has left the mailbox")
    assert owner.played == list(message.parts)
    said = " ".join(owner.prompts)
    assert "vm-youhave digits/1 vm-INBOX vm-message" in said
    assert "vm-message digits/1 vm-from-extension digits/2 digits/0 digits/2 vm-received digits/today" in said
    assert await folders(rig) == {"draft": 0, "new": 0, "saved": 1, "deleted": 0}
    assert [each.what for each in rig.happened] == [What.ARRIVED, What.HEARD, What.MOVED]


async def test_who_hangs_up_in_the_midst_has_heard_the_message(rig, party):
    await rig.message(ANNA)
    await rig.message(ANNA)
    with pytest.raises(HungUp):
        await opened(rig, party, "1", SILENT, LEAVES)
    assert await folders(rig) == {"draft": 0, "new": 1, "saved": 1, "deleted": 0}


async def test_urgent_messages_come_first(rig, party):
    await rig.message(ANNA)
    urgent = await rig.message(ANNA, urgent=True)
    owner, _ = await opened(rig, party, "1", "#")
    assert owner.played[0] == urgent.parts[0]
    assert "vm-Urgent" in owner.prompts


async def test_next_previous_and_again(rig, party):
    first, second = await rig.message(ANNA), await rig.message(ANNA)
    owner, _ = await opened(rig, party, "1", "6", "5", "4", "4", SILENT, "#")
    assert owner.played == [*first.parts, *second.parts, *second.parts, *first.parts]
    assert "vm-nomore" in owner.prompts


async def test_a_deleted_message_can_be_taken_back(rig, party):
    await rig.message(ANNA)
    owner, _ = await opened(rig, party, "1", "7", "#")
    assert "vm-deleted" in owner.prompts
    assert (await folders(rig))["deleted"] == 1
    owner, _ = await opened(rig, party, "2", "2", "7", "#")
    assert "vm-undeleted" in owner.prompts
    assert await folders(rig) == {"draft": 0, "new": 0, "saved": 1, "deleted": 0}


async def test_a_message_is_taken_back_only_where_there_is_a_place(rig, party):
    rig.cos(max_messages=1)
    await rig.message(ANNA)
    await opened(rig, party, "1", "7", "#")
    await rig.message(ANNA)
    owner, _ = await opened(rig, party, "2", "2", "7", "#")
    assert "vm-undeleted" not in owner.prompts
    assert await folders(rig) == {"draft": 0, "new": 1, "saved": 0, "deleted": 1}


async def test_a_heard_message_can_be_kept_as_new(rig, party):
    await rig.message(ANNA)
    await opened(rig, party, "1", "3", "4", "#")
    (message,) = await rig.messages(ANNA, Folder.NEW)
    assert message.heard_at is None
    assert What.UNHEARD in [each.what for each in rig.happened]


async def test_the_envelope_says_length_and_time(rig, party):
    await rig.message(ANNA, 65.0)
    await rig.preferences.change(rig.user(ANNA), {"say_envelope": False}, {})
    owner, _ = await opened(rig, party, "1", "3", "3", "#")
    said = " ".join(owner.prompts)
    assert "vm-duration digits/1 minute digits/5 seconds" in said
    assert said.count("vm-received") == 1


async def test_from_ten_places_on_the_owner_hears_how_many_are_left(rig, party):
    rig.cos(max_messages=11)
    owner, _ = await opened(rig, party, "#")
    assert "vm-mailboxfull" not in owner.prompts
    await rig.message(ANNA)
    owner, _ = await opened(rig, party, "#")
    assert "vm-for digits/10 vm-messages vm-and vm-mailboxfull" in " ".join(owner.prompts)
    for _ in range(10):
        await rig.message(ANNA)
    owner, _ = await opened(rig, party, "#")
    assert "vm-message vm-mailboxfull" in " ".join(owner.prompts).replace("messages", "message")


async def test_the_bin_is_emptied_from_its_oldest_end(party):
    from support.voicemail.rig import Rig

    rig = Rig(bin_messages=2)
    messages = [await rig.message(ANNA) for _ in range(4)]
    async with rig.box(ANNA) as box:
        for message in messages:
            rig.clock.at += 1
            await rig.mailboxes.move(box, message, Folder.DELETED)
    assert [one.id for one in await rig.messages(ANNA, Folder.DELETED)] == [one.id for one in messages[2:]]
    await rig.mail.tidy()
    assert set(rig.files.there) == {one.parts[0] for one in messages[2:]}
    rig.clock.at += 15 * 86400
    await rig.mail.tidy()
    assert not rig.files.there
    assert rig.mailboxes.budget.used == 0


async def test_two_sessions_cannot_delete_one_message_twice(rig):
    message = await rig.message(ANNA)
    async with rig.box(ANNA) as first, rig.box(ANNA) as second:
        assert first is second
        await rig.mailboxes.move(first, message, Folder.DELETED)
        await rig.mailboxes.move(second, message, Folder.DELETED)
    assert rig.counts(ANNA).deleted == 1


# Replies and forwarded messages


async def test_a_reply_goes_to_the_mailbox_of_the_sender(rig, party):
    await rig.message(ANNA, visitor=inside(BERT))
    owner, _ = await opened(rig, party, "1", "3", "1", Speech(4.0), "1", "#")
    (reply,) = await rig.messages(BERT, Folder.NEW)
    assert (reply.sender, reply.seconds) == (ANNA, 4.0)
    assert "vm-msgsaved" in owner.prompts


async def test_there_is_no_reply_to_a_caller_from_outside(rig, party):
    await rig.message(ANNA, visitor=outside("202"))
    owner, _ = await opened(rig, party, "1", "3", "1", "#")
    assert "vm-nobox" in owner.prompts
    assert rig.counts(BERT).new == 0


async def test_a_message_is_forwarded_with_an_introduction(rig, party):
    message = await rig.message(ANNA, 30.0)
    await opened(rig, party, "1", "8", "1", "203#", "1", Speech(4.0), "41", "#")
    (forwarded,) = await rig.messages(CARLA, Folder.NEW)
    assert forwarded.parts[1:] == message.parts
    assert (forwarded.seconds, forwarded.urgent, forwarded.sender) == (34.0, True, ANNA)
    owner = party(*IN, "1", "#", "#")
    await rig.mail.own_mailbox(owner, inside(CARLA))
    assert owner.played == list(forwarded.parts)


async def test_one_recording_serves_all_who_got_it_until_the_last_one_removes_it(rig, party):
    message = await rig.message(ANNA)
    await opened(rig, party, "1", "8", "2", "203#", "2", "202#", "1", "7", "#")
    assert (rig.counts(BERT).new, rig.counts(CARLA).new) == (1, 1)
    for extension in (ANNA, BERT, CARLA):
        await rig.mail.tidy()
        assert set(rig.files.there) == set(message.parts)
        async with rig.box(extension) as box:
            for one in list(box.messages.values()):
                await rig.mailboxes.purge([one])
    await rig.mail.tidy()
    assert not rig.files.there


async def test_a_private_message_is_not_forwarded(rig, party):
    await rig.message(ANNA, private=True)
    owner, _ = await opened(rig, party, "1", "8", "#")
    assert "feature-not-avail-line" in owner.prompts
    assert "vm-forwardoptions" not in owner.prompts


# Calling the sender


@pytest.mark.req("V1")
async def test_the_sender_is_called_only_where_the_class_of_service_says_so(rig, party):
    await rig.message(ANNA)
    owner, then = await opened(rig, party, "1", "3", "2", "#", "#")
    assert isinstance(then, HangUp)
    assert "vm-tocallback" not in owner.prompts
    rig.cos(callback=Callback.INSIDE)
    await rig.message(ANNA)
    owner, then = await opened(rig, party, "1", "3", "2")
    assert then == Connect(BERT, MailboxSubject(ANNA, from_outside=False), Action.CALLBACK)


@pytest.mark.req("V1")
@pytest.mark.parametrize("visitor", [outside(), outside("201")])
async def test_nobody_is_called_for_a_session_from_outside(rig, party, visitor):
    rig.cos(callback=Callback.OUTSIDE)
    await rig.message(ANNA)
    owner = party("201#", *IN, "1", "3", "2", "#", "#")
    then = await rig.mail.any_mailbox(owner, visitor)
    assert isinstance(then, HangUp)
    assert "vm-tocallback" not in owner.prompts


@pytest.mark.req("V1")
async def test_a_sender_from_outside_is_never_called(rig, party):
    rig.cos(callback=Callback.OUTSIDE)
    await rig.message(ANNA, visitor=outside("+14085550123"))
    _, then = await opened(rig, party, "1", "3", "2", "#", "#")
    assert isinstance(then, HangUp)

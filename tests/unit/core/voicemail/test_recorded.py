"""Recordings of calls come into mailboxes: whose, how long, and what is left after a crash."""

import pytest

from ringwall.core.errors import OperationError
from ringwall.core.voicemail.bounds import NoRoom
from ringwall.core.voicemail.model import Folder
from support.voicemail.rig import ANNA, BERT, Rig

pytestmark = pytest.mark.req("C2", "V2")
ADMIN = {"kind": "local", "name": "root"}


async def record(rig: Rig, extension: str, seconds: float = 12.0):
    draft = await rig.mail.recorded.begin(extension, BERT, "Bert")
    rig.files.write(draft.recording.name, draft.key, seconds)
    return draft


async def test_it_comes_into_the_mailbox_of_whoever_records_and_is_private(rig):
    message = await rig.mail.recorded.finish(await record(rig, ANNA))
    [found] = await rig.messages(ANNA, Folder.NEW)
    assert found == message
    assert (found.sender, found.number, found.name) == (ANNA, BERT, "Recorded call, Bert")
    assert (found.seconds, found.private) == (12.0, True)


async def test_it_comes_into_the_mailbox_that_an_administrator_has_named(rig):
    await rig.preferences.change(rig.user(ANNA), {"recordings": BERT}, ADMIN)
    await rig.mail.recorded.finish(await record(rig, ANNA))
    assert not await rig.messages(ANNA, Folder.NEW)
    assert len(await rig.messages(BERT, Folder.NEW)) == 1


async def test_what_is_named_has_to_be_a_mailbox(rig):
    with pytest.raises(OperationError, match="recordings"):
        await rig.preferences.change(rig.user(ANNA), {"recordings": "999"}, ADMIN)


async def test_it_is_as_long_as_the_class_of_service_of_that_mailbox_says(rig):
    rig.cos(incoming_length=1234)
    draft = await record(rig, ANNA)
    assert draft.most == 1234.0
    await rig.mail.recorded.finish(draft)


async def test_a_full_mailbox_takes_none_and_one_that_is_being_made_holds_its_place(rig):
    rig.cos(max_messages=1)
    draft = await record(rig, ANNA)
    with pytest.raises(NoRoom) as full:
        await record(rig, ANNA)
    assert full.value.why == "full"
    await rig.mail.recorded.discard(draft)
    assert rig.counts(ANNA).kept == 0
    await rig.mail.recorded.finish(await record(rig, ANNA))


async def test_what_a_crash_leaves_becomes_a_private_message(rig):
    draft = await record(rig, ANNA, 33.0)
    rig.drafts._active.clear()  # the process died
    assert await rig.drafts.recover() == 1
    [found] = await rig.messages(ANNA, Folder.NEW)
    assert (found.seconds, found.private, found.name) == (33.0, True, "Recorded call, Bert")
    assert draft.message.private

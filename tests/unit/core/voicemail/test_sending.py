"""Messages to others: extensions, lists, everybody."""

import pytest

from ringwall.core.voicemail.model import Folder
from support.voicemail.party import SILENT, Speech
from support.voicemail.rig import ANNA, BERT, CARLA, PIN, inside

pytestmark = pytest.mark.req("V2", "C4")

IN = (*PIN, "#")


async def sent(rig, party, *script):
    owner = party(*IN, "3", *script)
    await rig.mail.own_mailbox(owner, inside(ANNA))
    return owner


def got(rig):
    return {extension: rig.counts(extension).new for extension in (ANNA, BERT, CARLA)}


async def test_a_message_goes_to_all_who_were_named(rig, party):
    owner = await sent(rig, party, "202#", "2", "203#", "1", Speech(6.0), "451", "#")
    assert got(rig) == {ANNA: 0, BERT: 1, CARLA: 1}
    (message,) = await rig.messages(BERT, Folder.NEW)
    assert (message.sender, message.name, message.seconds) == (ANNA, "Anna", 6.0)
    assert message.urgent
    assert message.private
    assert "vm-msgsaved" in owner.prompts


async def test_who_is_not_there_is_told_at_once(rig, party):
    owner = await sent(rig, party, "299#", "201#", "203#", "1", Speech(6.0), "1", "#")
    assert owner.prompts.count("pbx-invalid") == 2
    assert got(rig) == {ANNA: 0, BERT: 0, CARLA: 1}


@pytest.mark.parametrize(
    "script", [("*#",), ("202#", "*"), ("202#", "1", Speech(6.0), "*"), ("202#", SILENT * 9)]
)
async def test_nothing_is_sent_before_the_sender_has_said_so(rig, party, script):
    await sent(rig, party, *script, "#")
    assert got(rig) == {ANNA: 0, BERT: 0, CARLA: 0}
    await rig.mail.tidy()
    assert not rig.files.there


async def test_an_own_list_and_one_of_the_system_are_sent_to(rig, party):
    await rig.lists.put(rig.user(ANNA), 4, "Team", [BERT, ANNA], {})
    await rig.lists.put(None, 7, "House", [ANNA, BERT, CARLA], {})
    await sent(rig, party, "*4#", "1", Speech(6.0), "1", "#")
    assert got(rig) == {ANNA: 0, BERT: 1, CARLA: 0}
    await sent(rig, party, "**7#", "1", Speech(6.0), "1", "#")
    assert got(rig) == {ANNA: 0, BERT: 2, CARLA: 1}
    owner = await sent(rig, party, "**8#", "*9#", "*#", "#")
    assert owner.prompts.count("pbx-invalid") == 2


async def test_lists_of_the_system_and_broadcast_need_their_rights(rig, party):
    await rig.lists.put(None, 7, "House", [BERT, CARLA], {})
    rig.cos(system_lists=False, broadcast_list=False)
    owner = await sent(rig, party, "**7#", "*0#", "*#", "#")
    assert owner.prompts.count("feature-not-avail-line") == 2
    assert got(rig) == {ANNA: 0, BERT: 0, CARLA: 0}


async def test_a_broadcast_leaves_out_who_wants_none(rig, party):
    await rig.preferences.change(rig.user(CARLA), {"accept_broadcast": False}, {})
    await sent(rig, party, "*0#", "1", Speech(6.0), "1", "#")
    assert got(rig) == {ANNA: 0, BERT: 1, CARLA: 0}
    assert [facts["broadcast"] for kind, facts in rig.memory.noted if kind == "voicemail.message_sent"] == [
        True
    ]


async def test_the_sender_hears_whose_mailbox_is_full(rig, party):
    rig.cos(max_messages=1)
    await rig.message(BERT)
    owner = await sent(rig, party, "202#", "2", "203#", "1", Speech(6.0), "1", "#")
    assert "vm-extension digits/2 digits/0 digits/2 vm-mailboxfull" in " ".join(owner.prompts)
    assert got(rig) == {ANNA: 0, BERT: 1, CARLA: 1}


async def test_a_message_that_is_sent_has_its_own_greatest_length(rig, party):
    rig.cos(outgoing_length=20)
    await sent(rig, party, "202#", "1", Speech(600.0, ""), "1", "#")
    assert [one.seconds for one in await rig.messages(BERT, Folder.NEW)] == [20.0]


async def test_where_the_disk_is_full_the_sender_is_told(rig, party):
    rig.files.free = 0
    owner = await sent(rig, party, "202#", "1", "#")
    assert "please-try-call-later" in owner.prompts
    assert got(rig) == {ANNA: 0, BERT: 0, CARLA: 0}

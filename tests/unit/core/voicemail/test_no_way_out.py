"""Whatever is pressed in voice mail, nothing but voice mail happens (V1)."""

import ast
import itertools
import random
import re
from pathlib import Path

import pytest

import ringwall.core.voicemail
from ringwall.core.media.interaction import HungUp, Interaction
from ringwall.core.media.menu import Connect, HangUp
from ringwall.core.voicemail.menus import talk
from ringwall.core.voicemail.model import Folder, Message, Reason
from ringwall.policy import Action, Callback, MailboxSubject, UserSubject
from support.voicemail.party import LEAVES, SILENT, Party, Speech
from support.voicemail.rig import ANNA, BERT, CARLA, PIN, Rig, inside, outside

pytestmark = pytest.mark.req("V1")

KEYS = "0123456789*#"
SOURCES = sorted(Path(ringwall.core.voicemail.__file__).parent.rglob("*.py"))
TO_ASSISTANT = Connect(CARLA, UserSubject(ANNA), Action.FORWARD_NO_ANSWER)
TO_SENDER = Connect(BERT, MailboxSubject(ANNA, from_outside=False), Action.CALLBACK)


async def furnished(**cos):
    """A house in which every option that a mailbox can have is on."""
    rig = Rig()
    rig.cos(callback=Callback.OUTSIDE, **cos)
    await rig.preferences.change(rig.user(ANNA), {"assistant": CARLA}, {})
    await rig.lists.put(rig.user(ANNA), 1, "Team", [BERT, CARLA], {})
    await rig.lists.put(None, 1, "House", [BERT, CARLA], {})
    await rig.message(ANNA, visitor=inside(BERT))
    await rig.message(ANNA, visitor=outside("+9005550199"), urgent=True)
    async with rig.box(ANNA) as box:
        saved, deleted = await rig.message(ANNA), await rig.message(ANNA, private=True)
        await rig.mailboxes.move(box, saved, Folder.SAVED)
        await rig.mailboxes.move(box, deleted, Folder.DELETED)
    return rig


async def outcome(work):
    try:
        return await work
    except HungUp:
        return HangUp("the party hung up")


def check(rig, party, then, allowed):
    assert isinstance(then, HangUp) or then in allowed, then
    assert party.turns <= 20 * talk.MOST_TURNS
    assert not rig.mailboxes._boxes, "a mailbox stays open"
    assert not rig.room._held
    assert not rig.drafts._active
    assert not rig.mailboxes.budget._promised
    messages = list(rig.memory._table(Message).values())
    for user in rig.users:
        counts = rig.mailboxes.counts(user.id)
        there = [one.folder for one in messages if one.user_id == user.id]
        assert (counts.new, counts.saved, counts.deleted, counts.drafts) == tuple(
            there.count(folder) for folder in (Folder.NEW, Folder.SAVED, Folder.DELETED, Folder.DRAFT)
        )
        assert counts.drafts == 0
        assert counts.kept <= 20


def script(chooser, length):
    """Keys, silence, speech and perhaps hanging up, as a person who tries everything would."""
    for _ in range(length):
        roll = chooser.random()
        if roll < 0.04:
            yield Speech(chooser.choice([0.3, 4.0, 1000.0]), chooser.choice(["#", "", LEAVES]))
        elif roll < 0.08:
            yield SILENT
        elif roll < 0.10:
            yield from chooser.choice(
                ["201#", "203#", "*1#", "**1#", "*0#", f"{PIN}#", "*98", "914085550123#"]
            )
        elif roll < 0.105:
            yield LEAVES
        else:
            yield chooser.choice(KEYS)


async def test_thirty_thousand_random_key_sequences_lead_nowhere_else():
    chooser = random.Random(20261127)
    seen = set()
    for number in range(15_000):
        if number % 250 == 0:
            rig = await furnished()
        visitor = chooser.choice([inside(ANNA), inside(BERT), outside(), outside("201", "Anna")])
        at_own_phone = visitor.extension == ANNA
        length = chooser.randrange(60)
        # Into the mailbox with the right PIN, and then anything.
        party = Party([*"201#", *PIN, "#", *script(chooser, length)], rig.files, rig.clock)
        then = await outcome(rig.mail.any_mailbox(party, visitor))
        allowed = {TO_SENDER} if at_own_phone or not visitor.outside else set()
        check(rig, party, then, allowed)
        seen.add(type(then))
        # Leaving a message, with the owner's door behind the star.
        party = Party(script(chooser, length), rig.files, rig.clock)
        then = await outcome(rig.mail.leave(party, visitor, ANNA, chooser.choice(list(Reason))))
        check(rig, party, then, {TO_ASSISTANT} | allowed)
        seen.add(type(then))
    assert seen == {HangUp, Connect}


async def test_every_sequence_of_four_keys_in_a_mailbox_ends_in_the_mailbox():
    rig = await furnished()
    box = {one.id: one for one in rig.memory._table(Message).values()}
    for number, keys in enumerate(itertools.product(KEYS, repeat=4)):
        if number % 100 == 0:
            rig = await furnished()
        party = Party([*PIN, "#", *keys], rig.files, rig.clock)
        then = await outcome(rig.mail.own_mailbox(party, inside(ANNA)))
        check(rig, party, then, {TO_SENDER})
    assert box


async def test_every_sequence_of_three_keys_at_a_greeting_ends_in_the_mailbox():
    rig = await furnished()
    for keys in itertools.product(KEYS, repeat=3):
        for visitor in (outside(), inside(BERT)):
            party = Party([*keys, Speech(3.0, "")], rig.files, rig.clock)
            then = await outcome(rig.mail.leave(party, visitor, ANNA, Reason.BUSY))
            check(rig, party, then, {TO_ASSISTANT})
            async with rig.box(ANNA) as box:
                await rig.mailboxes.purge(box.of(Folder.NEW))


async def test_nobody_who_has_no_pin_hears_a_message():
    chooser = random.Random(5)
    rig = await furnished()
    for _ in range(3000):
        keys = [key for key in script(chooser, 40) if not isinstance(key, Speech)]
        text = "".join(keys).replace(PIN, "")
        party = Party(text, rig.files, rig.clock)
        then = await outcome(rig.mail.any_mailbox(party, outside()))
        assert isinstance(then, HangUp)
        assert not party.played
        assert len([asked for asked in rig.pins.asked if asked[1] == PIN]) == 0


async def test_a_party_that_never_stops_pressing_keys_is_told_goodbye():
    rig = await furnished()
    party = Party(itertools.chain([*PIN, "#"], itertools.cycle("*")), rig.files, rig.clock)
    then = await rig.mail.own_mailbox(party, inside(ANNA))
    assert then == HangUp("the session went on too long")
    assert party.prompts[-1] == "vm-goodbye"


async def test_a_party_that_says_nothing_is_told_goodbye():
    rig = await furnished()
    for work in (rig.mail.own_mailbox, rig.mail.any_mailbox):
        party = Party([], rig.files, rig.clock)
        assert isinstance(await work(party, inside(ANNA)), HangUp)
        assert party.prompts[-1] == "vm-goodbye"


# The code


def trees():
    for path in SOURCES:
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{each.name}" for each in node.names)


def test_the_code_names_nothing_that_makes_a_leg():
    assert len(SOURCES) > 10
    allowed = re.compile(
        r"ringwall\.core\.(directory|errors|ledger|media|operations|pins|store|voicemail)\b|ringwall\.policy\b"
        r"|ringwall\.infra\.voicemail_settings\b|ringwall\.events\b"
        r"|ringwall\.core\.identity\.permissions\b"  # names of permissions, and nothing that could do anything
    )
    for path, tree in trees():
        for name in imported(tree):
            if name.startswith("ringwall"):
                assert allowed.match(name), f"{path.name} imports {name}"
            assert name.partition(".")[0] not in {"socket", "subprocess", "importlib", "ctypes"}, path.name
        for node in ast.walk(tree):
            if isinstance(node, ast.Name | ast.Attribute):
                word = node.id if isinstance(node, ast.Name) else node.attr
                assert word not in {"Grant", "Way", "make_grant", "__import__", "eval", "exec"}, path.name


def test_the_code_asks_the_policy_for_nothing_but_features_callback_and_notices():
    named = {
        node.attr
        for _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Action"
    }
    assert named <= {
        "BROADCAST_LIST", "CALLBACK", "CHANGE_CALL_HANDLING", "CHANGE_MODE", "FORWARD_NO_ANSWER", "KEEP_MESSAGE",
        "NOTIFY", "SYSTEM_LIST",
    }  # fmt: skip


def test_a_party_is_connected_in_two_places_and_never_to_what_it_typed():
    places = [
        (path.name, ast.unparse(node.args[0]))
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Connect"
    ]
    assert sorted(places) == [("leaving.py", "self._assistant"), ("listening.py", "sender")]


def test_a_party_can_be_spoken_to_and_heard_and_nothing_else():
    offered = {name for name in vars(Interaction) if not name.startswith("_")}
    assert offered == {"play", "key", "digits", "record"}

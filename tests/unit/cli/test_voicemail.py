"""The commands for voice mail, against the control socket of a real core's data."""

import json
from functools import partial

import pytest

from ringwall.core.pins.service import PinService
from ringwall.core.voicemail import operations as voicemail_operations
from ringwall.core.voicemail.opening import Ground, open_voice_mail
from ringwall.infra.voicemail_settings import VoiceMail as Settings
from support.control import core_behind_socket
from support.core_data import ADMIN, open_rights
from support.voicemail.rig import Clock, Files, inside

pytestmark = pytest.mark.req("V2")


async def _offer(operations, core):
    rights = await open_rights(core)
    for extension, name in (("201", "Anna"), ("202", "Bert")):
        await core.directory.add_user(ADMIN, extension, name)
    pins = await PinService.open(core.store, core.ledger, core.directory, rights)
    files, clock = Files(), Clock()
    ground = Ground(core.store, core.ledger, core.directory, rights, pins, files, rights.keys.derived, clock)
    voice_mail = await open_voice_mail(Settings(), ground)
    voicemail_operations.register(operations, voice_mail)
    draft = await voice_mail.house.drafts.begin("201", inside("202"))
    files.write(draft.recording.name, draft.key, 5.0)
    await voice_mail.house.drafts.finish(draft, urgent=True)


@pytest.fixture
def run(data, ringwall_on):
    with core_behind_socket(data, _offer):
        yield partial(ringwall_on, data)


def test_mailboxes_are_counted_listed_and_emptied(run):
    code, out, err = run("voicemail", "status")
    assert (code, err) == (0, "")
    assert "Voice mail is on: 1 messages in 2 mailboxes" in out
    heading, anna, bert = run("voicemail", "list")[1].splitlines()
    assert heading.split() == ["mailbox", "name", "new", "urgent", "saved", "deleted", "places"]
    assert anna.split() == ["201", "Anna", "1", "1", "0", "0", "29"]
    assert bert.split() == ["202", "Bert", "0", "0", "0", "0", "30"]
    assert run("voicemail", "empty", "201")[1] == "Removed 1 messages of 201.\n"
    assert json.loads(run("voicemail", "list", "--json")[1])["mailboxes"][0]["new"] == 0


def test_settings_are_shown_and_changed(run):
    code, out, err = run(
        "voicemail", "set", "201", "--mode", "out of office", "--assistant", "202", "--always",
        "--mail-for", "urgent", "--mail-to", "anna@example.com", "--mail-audio", "--no-broadcast",
        "--profiles", "standard=1,meeting=2",
    )  # fmt: skip
    assert (code, err) == (0, "")
    for word in (
        "out of office",
        "202",
        "all of them, at once",
        "urgent, to anna@example.com, with the sound",
    ):
        assert word in out
    assert run("voicemail", "set", "201", "--assistant", "none", "--no-calls", "--profiles", "none")[0] == 0
    told = json.loads(run("voicemail", "show", "201", "--json")[1])["settings"]
    assert (told["assistant"], told["takes_calls"], told["profiles"]) == ("", False, {})
    assert "never" in run("voicemail", "show", "201")[1]


def test_profiles_are_set_and_removed(run):
    code, out, err = run(
        "voicemail", "profile", "set", "201", "1", "--step", "202=60", "--step", "anna@example.com",
        "--repeats", "2", "--urgent-only",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "202 (60 s), anna@example.com (300 s); 3 rounds, urgent messages alone" in out
    code, _, err = run("voicemail", "profile", "set", "201", "1", "--step", "914085550123")
    assert (code, "914085550123" in err) == (1, True)
    assert run("voicemail", "profile", "remove", "201", "1")[0] == 0
    assert json.loads(run("voicemail", "show", "201", "--json")[1])["profiles"] == {}


def test_lists_of_the_system_are_made_and_removed(run):
    assert run("voicemail", "lists", "list")[1] == "There are no lists.\n"
    told = run("voicemail", "lists", "set", "3", "--name", "Everybody", "--members", "201,202")[1]
    assert told == "List 3 Everybody: 201, 202.\n"
    assert run("voicemail", "lists", "set", "3", "--members", "none")[1] == "List 3 Everybody: nobody.\n"
    assert run("voicemail", "lists", "remove", "3")[0] == 0
    assert run("voicemail", "lists", "remove", "3")[0] == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("set", "201"), 2),
        (("set", "201", "--profiles", "standard"), 2),
        (("set", "201", "--mode", "asleep"), 1),
        (("set", "201", "--assistant", "914085550123"), 1),
        (("profile", "set", "201", "1", "--step", "202=soon"), 2),
        (("profile", "set", "201", "10", "--step", "202"), 2),
        (("show", "299"), 1),
        (("lists", "set", "1", "--members", "299"), 1),
    ],
)
def test_what_is_wrong_is_refused(run, words, code):
    assert run("voicemail", *words)[0] == code

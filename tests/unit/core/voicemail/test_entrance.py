"""The door of a mailbox, and the options behind it."""

import pytest

from ringwall.core.media.menu import HangUp
from ringwall.core.voicemail.model import Case, Mode, Reason, greeting_key
from support.voicemail.party import SILENT, Speech
from support.voicemail.rig import ANNA, CARLA, PIN, inside, outside

pytestmark = pytest.mark.req("V2")

IN = (*PIN, "#")


async def test_the_own_phone_asks_for_the_pin_alone(rig, party):
    owner = party(*IN, "#")
    await rig.mail.own_mailbox(owner, inside(ANNA))
    assert owner.prompts[0] == "vm-password"
    assert rig.pins.asked == [(ANNA, PIN, "phone:d201", True)]
    assert "voicemail.opened" in rig.records


async def test_any_phone_asks_for_mailbox_and_pin(rig, party):
    owner = party("201#", *IN, "#")
    then = await rig.mail.any_mailbox(owner, outside())
    assert then == HangUp("the owner has left the mailbox")
    assert rig.pins.asked == [(ANNA, PIN, "caller:+14085550123", False)]


async def test_from_outside_no_number_makes_an_own_phone(rig, party):
    owner = party("201#", *IN, "#")
    await rig.mail.own_mailbox(owner, outside("201", "Anna"))
    assert rig.pins.asked == [(ANNA, PIN, "caller:201", False)]


async def test_the_owner_gets_in_from_their_own_greeting(rig, party):
    owner = party("*", *IN, "#")
    then = await rig.mail.leave(owner, outside(), ANNA, Reason.NO_ANSWER)
    assert then == HangUp("the owner has left the mailbox")
    assert rig.pins.asked[0][0] == ANNA
    assert rig.counts(ANNA).kept == 0


async def test_three_wrong_pins_end_the_call(rig, party):
    owner = party("1#", "2#", "3#", *IN, "#")
    assert await rig.mail.own_mailbox(owner, inside(ANNA)) == HangUp("wrong PINs")
    assert len(rig.pins.asked) == 3
    assert owner.prompts.count("vm-incorrect") == 3
    assert owner.prompts[-1] == "vm-goodbye"


async def test_an_unknown_mailbox_is_asked_for_its_pin_like_any_other(rig, party):
    known, unknown = party("201#1#" * 3), party("299#1#" * 3)
    for caller in (known, unknown):
        await rig.mail.any_mailbox(caller, outside())
    assert known.heard == unknown.heard
    assert [asked[0] for asked in rig.pins.asked] == [ANNA] * 3 + ["299"] * 3


async def test_a_locked_mailbox_ends_the_call_and_still_takes_messages(rig, party):
    rig.pins.locked = True
    owner = party(*IN, "1")
    assert await rig.mail.own_mailbox(owner, inside(ANNA)) == HangUp("locked")
    assert not owner.played
    await rig.mail.leave(party(SILENT, Speech(4.0, "")), outside(), ANNA, Reason.NO_ANSWER)
    assert rig.counts(ANNA).new == 1


@pytest.mark.req("C4")
async def test_an_expired_pin_opens_nothing_but_the_choice_of_another(rig, party):
    rig.pins.must_change.add(ANNA)
    await rig.message(ANNA)
    owner = party(*IN, "1#", "1#", "7391846#", "7391845#", "7391846#", "7391846#", "1", "#", "#")
    await rig.mail.own_mailbox(owner, inside(ANNA))
    said = owner.prompts
    assert said[1:3] == ["vm-newpassword", "vm-reenterpassword"]
    assert "vm-invalid-password" in said
    assert "vm-mismatch" in said
    assert said.index("vm-passchanged") < said.index("vm-youhave")
    assert rig.pins.of[ANNA] == "7391846"
    assert len(owner.played) == 1


@pytest.mark.req("C4")
async def test_who_chooses_no_new_pin_hears_no_message(rig, party):
    rig.pins.must_change.add(ANNA)
    await rig.message(ANNA)
    owner = party(*IN, *["1", SILENT * 4] * 4)
    then = await rig.mail.own_mailbox(owner, inside(ANNA))
    assert then in {HangUp("no new PIN was chosen"), HangUp("nothing was typed")}
    assert not owner.played
    assert "vm-youhave" not in owner.prompts


@pytest.mark.req("C4")
async def test_before_the_pin_ends_its_owner_is_told(rig, party):
    rig.pins.warn = 3
    owner = party(*IN, SILENT, "#")
    await rig.mail.own_mailbox(owner, inside(ANNA))
    assert "is for digits/70 digits/2 hours" in " ".join(owner.prompts)


async def test_who_has_no_class_of_service_for_voice_mail_has_no_mailbox(rig, party):
    rig.rights.user(ANNA, "Anna", group=None)
    owner = party(*IN, "1")
    assert await rig.mail.own_mailbox(owner, inside(ANNA)) == HangUp("the user has no mailbox")
    then = await rig.mail.leave(party(), outside(), ANNA, Reason.NO_ANSWER)
    assert then == HangUp("there is no such mailbox")


# Options


async def options(rig, party, *script):
    owner = party(*IN, "0", *script)
    await rig.mail.own_mailbox(owner, inside(ANNA))
    return owner


def greeting(rig, kind):
    return rig.preferences.recording_of(rig.user(ANNA), kind)


async def test_greetings_and_name_are_recorded_heard_and_taken(rig, party):
    owner = await options(
        rig, party,
        "1", Speech(5.0), "2", SILENT, "1",
        "2", Speech(6.0), "3", Speech(7.0), "1",
        "3", Speech(60.0, ""), "1",
        "64", Speech(4.0), "1",
        "*", "#",
    )  # fmt: skip
    unavailable = greeting(rig, greeting_key(Mode.STANDARD, Case.UNAVAILABLE))
    assert owner.played == [unavailable]
    lengths = {
        kind: rig.files.there[greeting(rig, kind)][1]
        for kind in (
            "name",
            *(greeting_key(Mode.STANDARD, case) for case in Case),
            "extended absence/unavailable",
        )
    }
    assert lengths == {
        "name": 10.0,
        "standard/unavailable": 5.0,
        "standard/busy": 7.0,
        "extended absence/unavailable": 4.0,
    }
    await rig.mail.tidy()
    assert len(rig.files.there) == 4


async def test_a_greeting_that_is_not_taken_changes_nothing(rig, party):
    await options(rig, party, "1", Speech(5.0), "1", "1", Speech(9.0), "*", "*", "#")
    name = greeting(rig, greeting_key(Mode.STANDARD, Case.UNAVAILABLE))
    assert rig.files.there[name][1] == 5.0


async def test_a_temporary_greeting_comes_and_goes(rig, party):
    owner = await options(rig, party, "41", Speech(5.0), "1", "4", "2", "*", "#")
    assert "vm-tempgreeting" in owner.prompts
    assert "vm-tempgreetactive" in owner.prompts
    assert "vm-tempremoved" in owner.prompts
    assert greeting(rig, "temporary") is None
    assert not rig.preferences.of(rig.user(ANNA)).temporary


async def test_the_pin_is_changed_in_the_menu(rig, party):
    await options(rig, party, "5", "7391846#", "7391846#", "*", "#")
    assert rig.pins.of[ANNA] == "7391846"


async def test_broadcasts_are_declined_and_accepted_again(rig, party):
    await options(rig, party, "7", "*", "#")
    assert not rig.preferences.of(rig.user(ANNA)).accept_broadcast
    await options(rig, party, "7", "*", "#")
    assert rig.preferences.of(rig.user(ANNA)).accept_broadcast


async def test_own_lists_are_made_by_keys(rig, party):
    owner = await options(
        rig, party, "82", "1", "202#", "1", "203#", "1", "299#", "3", "2", "202#", "*", "*", "#"
    )
    found = rig.lists.find(rig.user(ANNA), 2)
    assert rig.lists.extensions(found) == [CARLA]
    assert "pbx-invalid" in owner.prompts

"""Every permission that leads to no number, allowed and denied, and what is heard."""

from dataclasses import fields

import pytest

from ringwall.policy import (
    FROM_ALL,
    FROM_NOBODY,
    Accept,
    Action,
    CallRules,
    Denial,
    Directory,
    Heard,
    MailboxSubject,
    PhoneSubject,
    Scope,
    TelephonyCos,
    TrunkSubject,
    User,
    UserGroup,
    UserSubject,
    VoiceMailCos,
    published_names,
)

from .house import ask, make

ALICE = UserSubject("201")
SWITCHES = [
    (Action.PAGE, "paging", Heard.ERROR_TONE),
    (Action.HUNT_GROUP_BUSY, "hunt_group_busy", Heard.ERROR_TONE),
    (Action.REASSIGN, "reassignment", Heard.ERROR_TONE),
    (Action.RECORD_OWN, "record_own", Heard.HIDDEN),
    (Action.CHANGE_MODE, "change_mode", Heard.HIDDEN),
    (Action.CHANGE_CALL_HANDLING, "change_call_handling", Heard.HIDDEN),
    (Action.CUSTOMIZE_BUTTONS, "customize_buttons", Heard.HIDDEN),
    (Action.SHOW_CALLER_ID, "show_monitored_caller_id", Heard.BLANK),
    (Action.SHOW_OTHER_PREFIXES, "show_other_prefixes", Heard.HIDDEN),
    (Action.COLLABORATE, "collaboration", Heard.HIDDEN),
    (Action.PICKUP, "pickup", Heard.ERROR_TONE),
]
MAIL_SWITCHES = [(Action.BROADCAST_LIST, "broadcast_list"), (Action.SYSTEM_LIST, "system_lists")]
PAIRS = [
    (Action.INTERCOM, "intercom", "accept_intercom", Heard.INTERCEPT, Heard.ORDINARY_CALL),
    (Action.WHISPER, "intercom", "accept_intercom", Heard.INTERCEPT, Heard.ORDINARY_CALL),
    (Action.BARGE_IN, "barge_in", "accept_barge_in", Heard.ERROR_TONE, Heard.ERROR_TONE),
    (Action.MONITOR, "monitor", "accept_monitor", Heard.ERROR_TONE, Heard.ERROR_TONE),
    (Action.COACH, "monitor", "accept_monitor", Heard.ERROR_TONE, Heard.ERROR_TONE),
    (Action.RECORD_OTHER, "record_others", "accept_record", Heard.ERROR_TONE, Heard.ERROR_TONE),
]


def heard(answer: object) -> Heard:
    assert isinstance(answer, Denial)
    return answer.heard


@pytest.mark.req("C2")
@pytest.mark.parametrize(("action", "field", "sound"), SWITCHES)
def test_a_switch_of_the_one_who_asks_decides(action: Action, field: str, sound: Heard) -> None:
    name = published_names(TelephonyCos)[field]
    yes = ask(make(telephony=TelephonyCos("x", **{field: True})), ALICE, action)
    no = ask(make(telephony=TelephonyCos("x", **{field: False})), ALICE, action)
    assert yes.allowed
    assert not no.allowed
    assert (no.rule.id, no.rule.entry) == ("feature.denied", name)
    assert heard(no) is sound


@pytest.mark.req("C4")
@pytest.mark.parametrize(("action", "field"), MAIL_SWITCHES)
def test_a_switch_for_voice_mail_decides(action: Action, field: str) -> None:
    for subject in (ALICE, MailboxSubject("201")):
        assert ask(make(voice_mail=VoiceMailCos("x", **{field: True})), subject, action).allowed
        assert not ask(make(voice_mail=VoiceMailCos("x", **{field: False})), subject, action).allowed


@pytest.mark.req("C2")
@pytest.mark.parametrize(("action", "allow", "accept", "refused", "not_accepted"), PAIRS)
def test_a_pair_needs_both_halves(
    action: Action, allow: str, accept: str, refused: Heard, not_accepted: Heard
) -> None:
    def answer(may_start: bool, accepts: Accept) -> object:
        cos = TelephonyCos("x", **{allow: may_start, accept: accepts})
        return ask(make(telephony=cos), ALICE, action, target="202")

    assert answer(True, FROM_ALL).allowed  # type: ignore[attr-defined]
    assert heard(answer(False, FROM_ALL)) is refused
    assert heard(answer(True, FROM_NOBODY)) is not_accepted
    assert answer(True, Accept.only_from(users=["201"])).allowed  # type: ignore[attr-defined]
    assert answer(True, Accept.only_from(groups=["staff"])).allowed  # type: ignore[attr-defined]
    assert heard(answer(True, Accept.only_from(users=["202"], groups=["others"]))) is not_accepted


@pytest.mark.req("C2")
@pytest.mark.parametrize("action", [pair[0] for pair in PAIRS])
def test_nobody_does_it_to_an_extension_that_there_is_not(action: Action) -> None:
    cos = TelephonyCos("x", barge_in=True, monitor=True, record_others=True)
    assert ask(make(telephony=cos), ALICE, action, target="999").rule.id == "target.unknown"


@pytest.mark.req("C2")
def test_emergency_calls_are_watched_by_nobody_but_a_named_group() -> None:
    for named in (False, True):
        cos = TelephonyCos("x", monitor=True, accept_monitor=FROM_ALL, watch_emergency_calls=named)
        answer = ask(make(telephony=cos), ALICE, Action.MONITOR, target="202", emergency_call=True)
        assert answer.allowed is named


@pytest.mark.req("C2")
def test_conferences_are_not_monitored_and_coached_calls_not_recorded() -> None:
    cos = TelephonyCos(
        "x", monitor=True, accept_monitor=FROM_ALL, record_own=True, barge_in=True, accept_barge_in=FROM_ALL
    )
    snapshot = make(telephony=cos)
    for action in (Action.MONITOR, Action.COACH, Action.WHISPER):
        assert ask(snapshot, ALICE, action, target="202", conference=True).rule.id == "pair.conference"
    assert ask(snapshot, ALICE, Action.BARGE_IN, target="202", conference=True).allowed
    assert ask(snapshot, ALICE, Action.RECORD_OWN, coached=True).rule.id == "record.coached"


@pytest.mark.req("C2")
def test_pickup_can_be_kept_to_groups_and_from_a_person() -> None:
    only = TelephonyCos("x", pickup_from=frozenset({"staff"}))
    assert ask(make(telephony=only), ALICE, Action.PICKUP, target="202").allowed
    assert ask(make(telephony=only), ALICE, Action.PICKUP, target="203").rule.id == "pickup.refused"
    private = Directory(users=(User("205", "Boss", "staff", "us", no_pickup=True),))
    assert ask(make(extra=private), ALICE, Action.PICKUP, target="205").rule.id == "pickup.refused"
    assert ask(make(), ALICE, Action.PICKUP, target="302").allowed


@pytest.mark.req("C2")
def test_video_between_sites_needs_both_and_within_a_site_nothing() -> None:
    there = Directory(users=(User("205", "Eve", "staff", "gb"), User("206", "Fred", "others", "gb")))
    on = make(telephony=TelephonyCos("x", inter_site_video=True), extra=there)
    off = make(extra=there)
    assert ask(on, ALICE, Action.VIDEO, target="205").allowed
    assert heard(ask(on, ALICE, Action.VIDEO, target="206")) is Heard.AUDIO_ONLY
    assert heard(ask(off, ALICE, Action.VIDEO, target="205")) is Heard.AUDIO_ONLY
    assert ask(off, ALICE, Action.VIDEO, target="202").allowed


@pytest.mark.req("P2")
def test_a_bare_telephone_has_no_video_and_leaves_no_conference() -> None:
    snapshot = make()
    assert ask(snapshot, PhoneSubject("bare"), Action.VIDEO, target="202").rule.id == "phone.unassigned"
    assert (
        ask(snapshot, PhoneSubject("bare"), Action.CONFERENCE_LEAVE, insiders=1).rule.id == "phone.unassigned"
    )


@pytest.mark.req("C2")
def test_collaboration_is_needed_by_the_one_invited_too() -> None:
    without = Directory(
        telephony=(TelephonyCos("quiet", collaboration=False),),
        groups=(UserGroup("quiet", "Quiet", "quiet", "calls", "mail"),),
        users=(User("205", "Eve", "quiet", "us"),),
    )
    assert ask(make(extra=without), ALICE, Action.COLLABORATE, target="202").allowed
    assert not ask(make(extra=without), ALICE, Action.COLLABORATE, target="205").allowed


@pytest.mark.req("C2", "C4")
@pytest.mark.parametrize(
    ("action", "telephony", "mail", "most", "sound"),
    [
        (Action.RECEIVE_CALL, TelephonyCos("x", max_calls=3), None, 3, Heard.BUSY),
        (Action.ADD_BUDDY, TelephonyCos("x", max_buddies=5), None, 5, Heard.MESSAGE),
        (Action.KEEP_MESSAGE, None, VoiceMailCos("x", max_messages=7), 7, Heard.MAILBOX_FULL),
        (Action.USE_PASSWORD, None, VoiceMailCos("x", password_lifespan=30), 30, Heard.NEW_PASSWORD),
    ],
)
def test_a_maximum_is_reached_and_not_passed(
    action: Action, telephony: TelephonyCos | None, mail: VoiceMailCos | None, most: int, sound: Heard
) -> None:
    snapshot = make(telephony=telephony, voice_mail=mail)
    assert ask(snapshot, ALICE, action, target="201", count=most - 1).allowed
    refused = ask(snapshot, ALICE, action, target="201", count=most)
    assert heard(refused) is sound
    assert refused.rule.entry == str(most)


@pytest.mark.req("C2")
def test_the_maximum_of_calls_is_the_targets_and_bars_no_emergency_call() -> None:
    snapshot = make(telephony=TelephonyCos("x", max_calls=1))
    assert (
        ask(snapshot, UserSubject("203"), Action.RECEIVE_CALL, target="201", count=1).rule.id == "max.calls"
    )
    assert ask(snapshot, TrunkSubject("trunk-us"), Action.RECEIVE_CALL, target="201", count=0).allowed
    assert ask(snapshot, ALICE, Action.DIAL, "202", count=1).rule.id == "max.calls"
    assert ask(snapshot, ALICE, Action.DIAL, "911", count=16).allowed


@pytest.mark.req("C4")
def test_a_password_lives_for_ever_where_the_lifespan_is_off() -> None:
    snapshot = make(voice_mail=VoiceMailCos("x", password_lifespan=0))
    assert ask(snapshot, MailboxSubject("201"), Action.USE_PASSWORD, count=9999).allowed


@pytest.mark.req("C2", "C5")
def test_outsiders_are_left_in_a_conference_only_with_trunk_to_trunk() -> None:
    for right in (False, True):
        snapshot = make(telephony=TelephonyCos("x", trunk_to_trunk=right))
        assert ask(snapshot, ALICE, Action.CONFERENCE_LEAVE, insiders=0, outsiders=2).allowed is right
        assert ask(snapshot, ALICE, Action.CONFERENCE_LEAVE, insiders=1, outsiders=2).allowed
        assert ask(snapshot, ALICE, Action.CONFERENCE_LEAVE, insiders=0, outsiders=1).allowed
    refused = ask(make(), ALICE, Action.CONFERENCE_LEAVE, insiders=0, outsiders=2)
    assert heard(refused) is Heard.WARNED_END


FEATURES = sorted(
    {*(one[0] for one in SWITCHES), *(one[0] for one in MAIL_SWITCHES), *(one[0] for one in PAIRS)}
)


@pytest.mark.req("P2", "C5")
@pytest.mark.parametrize("action", FEATURES)
def test_outsiders_bare_telephones_and_strangers_have_no_feature(action: Action) -> None:
    everything = {
        one.name: True
        for one in fields(TelephonyCos)
        if one.type is bool and one.name != "forwarding_overrides"
    }
    cos = TelephonyCos(
        "x", **everything, accept_barge_in=FROM_ALL, accept_monitor=FROM_ALL, accept_record=FROM_ALL
    )
    snapshot = make(
        telephony=cos,
        voice_mail=VoiceMailCos("x", broadcast_list=True, system_lists=True),
        rules=CallRules(Scope.ALL),
    )
    assert ask(snapshot, ALICE, action, target="202").allowed
    for subject in (
        TrunkSubject("trunk-us"),
        PhoneSubject("bare"),
        UserSubject("9999"),
        PhoneSubject("none"),
    ):
        assert not ask(snapshot, subject, action, target="202").allowed


@pytest.mark.req("C2")
def test_the_25_permissions_have_their_published_names() -> None:
    names = published_names(TelephonyCos)
    assert len(names) >= 25
    for one in (
        "Maximum Number of Calls",
        "Maximum Parties in Make Me Conference",
        "Allow Trunk-to-Trunk Transfer",
        "Accept Silent Monitor Other's Calls",
        "Allow PSTN Failover",
        "Allow External Call Forwarding and Find Me Destinations",
    ):
        assert one in names.values()

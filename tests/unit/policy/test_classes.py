"""Classes of service, groups and sites: ranges, safe defaults, and what an error says."""

from collections.abc import Callable

import pytest

from ringwall.policy import (
    DEFAULT_RANGES,
    FROM_ALL,
    FROM_NOBODY,
    LEAST_CALL,
    LEAST_GROUP,
    LEAST_TELEPHONY,
    Accept,
    AcceptKind,
    AuthCode,
    Callback,
    CallCos,
    CallRules,
    CodeMode,
    DangerRange,
    Directory,
    NumberClass,
    Phone,
    PolicyError,
    Scope,
    Site,
    TelephonyCos,
    TrunkGroup,
    User,
    UserGroup,
    VoiceMailCos,
    compile_snapshot,
)
from ringwall.policy.limits import Limits, Rate


@pytest.mark.req("C2", "C3", "C4")
def test_what_nobody_chose_is_safe() -> None:
    telephony, mail = TelephonyCos("x"), VoiceMailCos("x")
    assert CallCos("x").rules.scope <= Scope.NATIONAL
    assert CallCos("x").rules.opened == frozenset()
    assert telephony.forwarding.scope is Scope.LOCAL
    assert not telephony.trunk_to_trunk
    assert not telephony.forwarding_overrides
    assert telephony.warning_tone
    assert telephony.accept_intercom == FROM_ALL
    for half in (telephony.accept_barge_in, telephony.accept_monitor, telephony.accept_record):
        assert half == FROM_NOBODY
    assert [telephony.barge_in, telephony.monitor, telephony.record_others] == [False, False, False]
    assert (mail.callback, mail.external_notification) == (Callback.OFF, False)
    assert (telephony.max_calls, telephony.max_buddies, telephony.max_conference_parties) == (8, 100, 3)
    assert mail.password_lifespan == 90


@pytest.mark.req("C1")
def test_a_new_user_gets_the_least_privileged_group() -> None:
    assert LEAST_CALL.rules.scope is Scope.INTERNAL
    assert LEAST_GROUP.trunk_groups == ()
    assert LEAST_GROUP.codes is CodeMode.DISABLED
    assert not LEAST_TELEPHONY.external_forwarding
    assert not LEAST_TELEPHONY.pickup
    assert Phone("p", "hq").group is None


BAD: list[tuple[Callable[[], object], str]] = [
    (lambda: TelephonyCos("x", max_calls=0), "Maximum Number of Calls: .*1 to 16"),
    (lambda: TelephonyCos("x", max_calls=17), "1 to 16"),
    (lambda: TelephonyCos("x", max_calls=True), "1 to 16"),
    (lambda: TelephonyCos("x", max_buddies=501), "Maximum Buddies per User: .*0 to 500"),
    (lambda: TelephonyCos("x", max_conference_parties=7), "Make Me Conference: .*3 to 6"),
    (lambda: TelephonyCos("x", pickup="yes"), "Allow Call Pickup: has to be on or off"),  # type: ignore[arg-type]
    (lambda: TelephonyCos("x", accept_monitor=True), "Accept Silent Monitor"),  # type: ignore[arg-type]
    (lambda: TelephonyCos("x", forwarding=CallRules(Scope.INTERNAL)), "Local Only or a higher"),
    (lambda: TelephonyCos(" x"), "name: has to have 1 to 64"),
    (lambda: Accept(AcceptKind.ONLY_FROM), "names users or groups"),
    (lambda: Accept(AcceptKind.ALL, frozenset({"201"})), "names users or groups"),
    (lambda: CallRules(5), "Scope: has to be one of Internal Only"),  # type: ignore[arg-type]
    (
        lambda: CallRules(opened=frozenset({NumberClass.LOCAL})),
        "opened: can name fraud test, premium, satellite",
    ),
    (lambda: CallRules.of(Scope.LOCAL, "408"), "Restrictions: the entry '408'"),
    (lambda: CallRules.of(Scope.LOCAL, "", "9+1"), "Permissions: the entry"),
    (lambda: CallRules(restrictions=("+1",)), "Restrictions: has to be a list"),  # type: ignore[arg-type]
    (lambda: VoiceMailCos("x", max_messages=501), "Maximum Incoming Messages: .*1 to 500"),
    (lambda: VoiceMailCos("x", password_lifespan=29), "has to be 0 .off. or 30 to 365"),
    (lambda: VoiceMailCos("x", password_lifespan=366), "0 to 365"),
    (
        lambda: VoiceMailCos("x", notification=False, external_notification=True),
        "needs Allow Message Notification",
    ),
    (lambda: UserGroup("", "x"), "group: has to have 1 to 64"),
    (lambda: UserGroup("x", "x", codes="forced"), "authorization codes: has to be one of"),  # type: ignore[arg-type]
    (lambda: UserGroup("x", "x", trunk_groups="tg"), "trunk groups: has to be a list"),  # type: ignore[arg-type]
    (lambda: User("2", "x", None, None), "extension: has to have 2 to 8 digits"),
    (lambda: Site("s", "S", "XX"), "country: has to be a country's two letters"),
    (lambda: Site("s", "S", "US", ("4a8",)), "area codes: has to have 1 to 7 digits"),
    (lambda: Site("s", "S", "US", access_code="1234"), "access code: has to be empty or 1 to 3 digits"),
    (lambda: Site("s", "S", "US", emergency_numbers=("9",)), "emergency numbers: has to have 2 to 6"),
    (lambda: TrunkGroup("t", "T", "s", services=frozenset({"local"})), "services"),  # type: ignore[arg-type]
    (lambda: AuthCode("c", ""), "name: has to have 1 to 50"),
    (lambda: AuthCode("c", "x", wildcard=21), "wildcard length: .*0 to 20"),
    (lambda: Limits(user_spend=-1), "spending of a user"),
    (lambda: Rate(1, 1, 0, 1.0), "longest call"),
    (
        lambda: compile_snapshot(Directory(users=(User("20", "a", None, None),) * 2)),
        "extension: 20 is given twice",
    ),
    (lambda: compile_snapshot(Directory(groups=(UserGroup("g", "a"),) * 2)), "group: g is given twice"),
    (
        lambda: compile_snapshot(
            Directory(sites=(Site("s", "S", "US"),), danger=(DangerRange("x", NumberClass.PREMIUM),))
        ),
        "range",
    ),
    (lambda: DangerRange("+222", NumberClass.LOCAL), "class: .*premium"),
    (lambda: DangerRange("1/411", NumberClass.PREMIUM), r"range: .*\+222"),
    (lambda: compile_snapshot(Directory(danger=(DEFAULT_RANGES[0],) * 2)), "given twice"),
]


@pytest.mark.req("C1", "C2", "C3", "C4")
@pytest.mark.parametrize(("make", "message"), BAD)
def test_a_bad_value_names_the_field_and_what_is_accepted(make: Callable[[], object], message: str) -> None:
    with pytest.raises(PolicyError, match=message) as caught:
        make()
    assert caught.value.field


def test_a_site_without_emergency_numbers_gets_those_of_its_country() -> None:
    assert set(Site("s", "S", "CH").emergency_numbers) == {"112", "117", "118", "144"}

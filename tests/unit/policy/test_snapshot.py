"""The compiled directory: routes, and what a missing name leaves."""

from dataclasses import replace

import pytest

from ringwall.policy import (
    Action,
    CallRules,
    Directory,
    Grant,
    NumberClass,
    PhoneSubject,
    PolicySnapshot,
    Scope,
    Service,
    TrunkGroup,
    TrunkSubject,
    User,
    UserGroup,
    UserSubject,
    compile_snapshot,
)

from .house import ask, make

ALICE = UserSubject("201")
EVERYTHING = frozenset(Service)


def with_trunks(*groups: TrunkGroup, rules: CallRules | None = None, site: str = "us") -> PolicySnapshot:
    staff = UserGroup(
        "staff", "Staff", "staff tel", "staff calls", "staff mail", tuple(one.id for one in groups)
    )
    return make(
        group=staff, rules=rules or CallRules(Scope.ALL), extra=Directory(trunk_groups=groups), site=site
    )


def route(snapshot: PolicySnapshot, dialled: str) -> tuple[str, ...]:
    answer = ask(snapshot, ALICE, Action.DIAL, dialled)
    assert isinstance(answer, Grant), answer.rule
    assert answer.way is not None
    return answer.way.trunk_groups


@pytest.mark.req("C1")
def test_the_access_code_chooses_the_trunk_groups() -> None:
    snapshot = with_trunks(TrunkGroup("special", "Special", "us", "8"), TrunkGroup("plain", "Plain", "us"))
    assert route(snapshot, "914085550123") == ("plain",)
    assert route(snapshot, "814085550123") == ("special",)
    assert set(route(snapshot, "+14085550123")) == {"special", "plain"}


@pytest.mark.req("C1")
def test_a_trunk_group_carries_only_what_it_offers() -> None:
    near = TrunkGroup("near", "Near", "us", services=frozenset({Service.LOCAL}))
    far = TrunkGroup("far", "Far", "us", services=frozenset({Service.INTERNATIONAL}))
    snapshot = with_trunks(near, far)
    assert route(snapshot, "+14085550123") == ("near",)
    assert route(snapshot, "+442079460123") == ("far",)
    assert ask(snapshot, ALICE, Action.DIAL, "+12125550123").rule.id == "trunk.none"
    assert ask(with_trunks(), ALICE, Action.DIAL, "+14085550123").rule.id == "trunk.none"
    premium = with_trunks(
        TrunkGroup("tg", "T", "us"), rules=CallRules(Scope.ALL, opened=frozenset({NumberClass.PREMIUM}))
    )
    assert ask(premium, ALICE, Action.DIAL, "+19005551234").rule.id == "trunk.none"


@pytest.mark.req("C1")
def test_the_own_site_comes_first_then_the_proxy_and_service_numbers_stay_there() -> None:
    groups = (
        TrunkGroup("de", "DE", "de", services=EVERYTHING),
        TrunkGroup("ca", "CA", "ca", services=EVERYTHING),
        TrunkGroup("us", "US", "us", services=EVERYTHING),
    )
    snapshot = with_trunks(*groups)
    sites = tuple(replace(one, proxy="ca") if one.id == "us" else one for one in snapshot.directory.sites)
    snapshot = compile_snapshot(replace(snapshot.directory, sites=sites))
    assert route(snapshot, "+14085550123") == ("us", "ca", "de")
    assert route(snapshot, "9311") == ("us", "ca")


@pytest.mark.req("C1")
def test_a_trunk_group_for_which_the_number_is_local_comes_first() -> None:
    snapshot = with_trunks(
        TrunkGroup("a", "A", "us"),
        TrunkGroup("b", "B", "us", area_codes=("212",)),
        TrunkGroup("c", "C", "us"),
    )
    assert route(snapshot, "+12125550123") == ("b", "a", "c")
    assert route(snapshot, "+14085550123") == ("a", "c")  # local here, long distance from b
    assert route(snapshot, "+13125550123") == ("a", "b", "c")


@pytest.mark.req("C1", "C5")
def test_a_missing_name_leaves_inside_and_emergency_calls() -> None:
    extra = Directory(
        users=(
            User("210", "No group", None, "us"),
            User("211", "Lost group", "gone", "us"),
            User("212", "No site", "staff", "gone"),
            User("213", "Lost classes", "hollow", "us"),
        ),
        groups=(UserGroup("hollow", "Hollow", "gone", "gone", "gone", ("tg-us",)),),
    )
    snapshot = make(rules=CallRules(Scope.ALL), extra=extra)
    rules = {
        "210": "subject.no-group",
        "211": "subject.no-group",
        "212": "subject.no-site",
        "213": "call.no-class",
    }
    for user, rule in rules.items():
        assert ask(snapshot, UserSubject(user), Action.DIAL, "+14085550123").rule.id == rule
        assert ask(snapshot, UserSubject(user), Action.DIAL, "202").allowed
        assert ask(snapshot, UserSubject(user), Action.DIAL, "911").allowed
    assert (
        ask(compile_snapshot(Directory()), ALICE, Action.DIAL, "+14085550123").rule.id == "subject.no-group"
    )


@pytest.mark.req("P3")
def test_a_telephone_has_the_rights_of_whoever_logged_in_and_loses_them() -> None:
    snapshot = make()
    assert ask(snapshot, PhoneSubject("p201"), Action.DIAL, "+14085550123").allowed
    phones = tuple(replace(one, user=None) for one in snapshot.directory.phones)
    after = compile_snapshot(replace(snapshot.directory, phones=phones))
    assert ask(after, PhoneSubject("p201"), Action.DIAL, "+14085550123").rule.id == "phone.unassigned"


@pytest.mark.req("C1")
def test_a_change_counts_for_the_next_action_and_old_snapshots_stay_as_they_are() -> None:
    before = make(rules=CallRules(Scope.INTERNATIONAL))
    calls = tuple(
        replace(one, rules=CallRules(Scope.LOCAL)) if one.name == "staff calls" else one
        for one in before.directory.calls
    )
    after = compile_snapshot(replace(before.directory, calls=calls))
    assert ask(before, ALICE, Action.DIAL, "+442079460123").allowed
    assert not ask(after, ALICE, Action.DIAL, "+442079460123").allowed


@pytest.mark.req("C5")
def test_an_outside_caller_dials_on_only_with_a_tandem_group() -> None:
    snapshot = make()
    groups = tuple(replace(one, tandem_group="staff") for one in snapshot.directory.trunk_groups)
    tandem = compile_snapshot(replace(snapshot.directory, trunk_groups=groups))
    assert ask(tandem, TrunkSubject("trunk-us"), Action.DIAL, "+14085550123").allowed
    assert not ask(tandem, TrunkSubject("trunk-us"), Action.DIAL, "+442079460123").allowed
    assert ask(tandem, TrunkSubject("no such"), Action.DIAL, "+14085550123").rule.id == "trunk.no-tandem"
    assert (
        ask(tandem, TrunkSubject("trunk-us"), Action.BLIND_TRANSFER, "+14085550123").rule.id
        == "action.not-for-subject"
    )


@pytest.mark.req("C5", "N4")
def test_a_locked_user_calls_inside_only() -> None:
    extra = Directory(users=(User("213", "Locked", "staff", "us", locked=True),))
    snapshot = make(extra=extra)
    assert ask(snapshot, UserSubject("213"), Action.DIAL, "+14085550123").rule.id == "subject.locked"
    assert ask(snapshot, UserSubject("213"), Action.DIAL, "202").allowed


@pytest.mark.req("C5")
def test_nobody_forwards_to_the_number_that_calls() -> None:
    answer = ask(make(), ALICE, Action.FORWARD_ALWAYS, "+14085550123", calling_number="+14085550123")
    assert answer.rule.id == "forward.loop"


@pytest.mark.req("C3")
@pytest.mark.parametrize("dialled", ["+12125550123", "9101028812125550123"])
def test_members_of_one_group_at_two_sites_have_each_their_own_local_calls(dialled: str) -> None:
    extra = Directory(users=(User("220", "Zoe", "staff", "ny"),))
    snapshot = make(rules=CallRules.of(Scope.LOCAL, "", "1/1010288"), extra=extra)
    ny = replace(snapshot.directory.sites[0], id="ny", area_codes=("212",), local_area_codes=())
    snapshot = compile_snapshot(replace(snapshot.directory, sites=(*snapshot.directory.sites, ny)))
    for _ in range(2):
        assert not ask(snapshot, ALICE, Action.DIAL, dialled).allowed
        assert ask(snapshot, UserSubject("220"), Action.DIAL, dialled).allowed


def test_what_was_judged_is_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringwall.policy.verdict._MOST_JUDGED", 8)
    snapshot = make(rules=CallRules.of(Scope.LOCAL, "+14085550005"))
    for _ in range(2):
        for n in range(30):
            allowed = ask(snapshot, ALICE, Action.DIAL, f"+1408555{n:04d}").allowed
            assert allowed is (n != 5)
    call = snapshot.groups["staff"].call
    assert call is not None
    assert len(call._judged) <= 8

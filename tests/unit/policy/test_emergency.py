"""Emergency calls pass every gate, carry the telephone's place, and are called by no machine."""

from dataclasses import replace

import pytest

from ringwall.policy import (
    Action,
    CallRules,
    Directory,
    Grant,
    MailboxSubject,
    Party,
    Phone,
    PhoneSubject,
    PolicySnapshot,
    Scope,
    Site,
    Subject,
    TrunkSubject,
    Use,
    User,
    UserGroup,
    UserSubject,
    compile_snapshot,
)

from .house import NOW, ask, make


def way(
    snapshot: PolicySnapshot,
    subject: Subject,
    number: str = "911",
    action: Action = Action.DIAL,
    **context: object,
):
    answer = ask(snapshot, subject, action, number, **context)
    assert isinstance(answer, Grant), answer.rule
    assert answer.way is not None
    assert answer.way.emergency
    assert answer.way.charge is None
    assert answer.way.seconds == 0
    assert answer.require(answer.canonical, NOW) is answer.way
    return answer.way


@pytest.mark.req("C5", "P2")
def test_neither_group_nor_class_nor_site_nor_lock_nor_limit_is_needed() -> None:
    extra = Directory(
        users=(
            User("210", "No group", None, "us"),
            User("211", "Lost group", "gone", "us"),
            User("212", "No site", "staff", None),
            User("213", "Locked", "staff", "us", locked=True),
            User("214", "No classes", "empty", "us"),
        ),
        groups=(UserGroup("empty", "Empty"),),
    )
    snapshot = make(rules=CallRules.of(Scope.INTERNAL, "1/911"), extra=extra)
    for user in ("201", "210", "211", "212", "213", "214", "nobody"):
        assert way(snapshot, UserSubject(user)).trunk_groups[0] == "tg-us"
        assert ask(snapshot, UserSubject(user), Action.DIAL, "202").allowed
        if user != "201":
            assert not ask(snapshot, UserSubject(user), Action.DIAL, "+14085550123").allowed


@pytest.mark.req("C5")
@pytest.mark.parametrize(
    "action",
    [Action.DIAL, Action.ORIGINATE, Action.BLIND_TRANSFER, Action.ATTENDED_TRANSFER, Action.CONFERENCE_ADD],
)
def test_people_reach_it_on_every_path(action: Action) -> None:
    snapshot = make(rules=CallRules(Scope.INTERNAL))
    way(snapshot, UserSubject("201"), action=action, count=16, party=Party.OUTSIDE)


@pytest.mark.req("P2")
def test_a_telephone_without_a_user_reaches_it_where_the_site_says_so() -> None:
    snapshot = make()
    way(snapshot, PhoneSubject("bare"))
    way(snapshot, PhoneSubject("never seen"))
    sites = tuple(replace(site, unassigned_emergency=False) for site in snapshot.directory.sites)
    closed = compile_snapshot(replace(snapshot.directory, sites=sites))
    assert ask(closed, PhoneSubject("bare"), Action.DIAL, "911").rule.id == "emergency.unassigned"
    way(closed, PhoneSubject("lobby"))
    way(closed, PhoneSubject("p201"))


@pytest.mark.req("C5")
def test_the_place_is_the_telephones_and_not_the_persons() -> None:
    phones = Directory(
        phones=(
            Phone("guest", "gb", user="201", location="Floor 2"),
            Phone("desk", "us", callback_number="+14085550199"),
        )
    )
    snapshot = make(extra=phones)
    away = way(snapshot, UserSubject("201", "guest"), "999")
    assert (away.location, away.caller_id, away.trunk_groups[0]) == ("Floor 2", "", "tg-gb")
    assert way(snapshot, UserSubject("201", "guest"), "911").trunk_groups[0] == "tg-gb"
    home = way(snapshot, UserSubject("201", "p201"))
    assert (home.location, home.caller_id) == ("1 Main St", "+14085550100")
    assert way(snapshot, UserSubject("201", "desk")).caller_id == "+14085550199"


@pytest.mark.req("C5")
def test_those_named_for_the_site_are_told_and_the_group_can_hide_the_own_number() -> None:
    snapshot = make(
        group=UserGroup("staff", "Staff", "staff tel", "staff calls", "staff mail", emergency_did=False)
    )
    sites = tuple(
        replace(site, notify=("202",), callback_number="+14085550000") for site in snapshot.directory.sites
    )
    found = way(compile_snapshot(replace(snapshot.directory, sites=sites)), UserSubject("201"))
    assert (found.notify, found.caller_id) == (("202",), "+14085550000")


@pytest.mark.req("C5")
def test_it_leaves_by_the_nearest_trunk_and_by_any_if_none_says_that_it_can() -> None:
    snapshot = make()
    assert way(snapshot, UserSubject("201")).trunk_groups[0] == "tg-us"
    groups = tuple(replace(one, services=frozenset()) for one in snapshot.directory.trunk_groups)
    dumb = compile_snapshot(replace(snapshot.directory, trunk_groups=groups))
    assert way(dumb, UserSubject("201")).trunk_groups[0] == "tg-us"
    none = compile_snapshot(replace(snapshot.directory, trunk_groups=(), trunks=()))
    assert way(none, UserSubject("201")).trunk_groups == ()
    assert ask(compile_snapshot(Directory()), UserSubject("1"), Action.DIAL, "911").allowed


@pytest.mark.req("C5")
@pytest.mark.parametrize(
    "action",
    [Action.FORWARD_ALWAYS, Action.FORWARD_BUSY, Action.FORWARD_NO_ANSWER, Action.FIND_ME, Action.EXTERNAL_ASSIGNMENT,
     Action.PSTN_FAILOVER],
)  # fmt: skip
def test_no_machine_calls_it(action: Action) -> None:
    assert ask(make(), UserSubject("201"), action, "911").rule.id == "emergency.automatic"
    for one in (Action.NOTIFY, Action.CALLBACK):
        assert ask(make(), MailboxSubject("201", False), one, "911").rule.id == "emergency.automatic"


@pytest.mark.req("C5")
def test_an_outside_caller_cannot_be_connected_to_it() -> None:
    assert ask(make(), TrunkSubject("trunk-us"), Action.DIAL, "911").rule.id == "trunk.no-tandem"


@pytest.mark.req("C5")
def test_an_emergency_number_comes_before_an_extension_and_a_site_may_add_numbers() -> None:
    snapshot = make(extra=Directory(users=(User("911", "Bad luck", "staff", "us"),)))
    way(snapshot, UserSubject("201"))
    site = Site("plant", "Plant", "US", emergency_numbers=("911", "5555"))
    plant = compile_snapshot(Directory(sites=(site,), users=(User("20", "A", None, "plant"),)))
    for dialled in ("5555", "95555", "911", "112", "9112"):  # the country's own are never barred
        assert ask(plant, UserSubject("20"), Action.DIAL, dialled, use=Use()).allowed
    taken = compile_snapshot(Directory(sites=(site,), users=(User("112", "A", None, "plant"),)))
    assert ask(taken, UserSubject("112"), Action.DIAL, "112").rule.id == "inside"


@pytest.mark.req("C5")
def test_who_has_no_site_reaches_the_emergency_numbers_of_any() -> None:
    snapshot = make(extra=Directory(users=(User("212", "No site", "staff", None),)))
    for dialled, first in (("911", "tg-us"), ("999", "tg-gb"), ("110", "tg-de"), ("000", "tg-au")):
        assert way(snapshot, UserSubject("212"), dialled).trunk_groups[0] == first

"""Why and what if, and the fraud paths that a linter finds."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from ringwall.policy import (
    FROM_ALL,
    AuthCode,
    Callback,
    CallCos,
    CallRules,
    CodeMode,
    Directory,
    InsideObject,
    NumberClass,
    ObjectKind,
    Phone,
    PhoneSubject,
    PolicyError,
    PolicySnapshot,
    Scope,
    Severity,
    TelephonyCos,
    TrunkGroup,
    User,
    UserGroup,
    VoiceMailCos,
    compile_snapshot,
    explain,
    lint,
)

from .house import NOW, make


@pytest.mark.req("C7")
def test_an_explanation_says_what_would_happen_step_by_step() -> None:
    found = explain(make(), "201", "9011442079460123", now=NOW).to_value()
    assert json.loads(json.dumps(found)) == found
    assert found == {
        "allowed": False,
        "canonical": "+442079460123",
        "class": "international",
        "rule": "call.beyond-scope",
        "because": "staff calls of group Staff reaches less far than International Long Distance.",
        "steps": [
            {"check": "emergency", "result": "it is no emergency number"},
            {"check": "number", "result": "it is +442079460123, international"},
            {
                "check": "decision",
                "result": "denied: staff calls of group Staff reaches less far than International Long Distance.",
            },
        ],
        "heard": "intercept tone",
        "trunk_groups": [],
        "seconds": 0,
        "code": "disabled",
    }


@pytest.mark.req("C7")
def test_an_explanation_knows_paths_telephones_and_mailboxes() -> None:
    snapshot = make()
    good = explain(snapshot, "201", "+14085550123", now=NOW, path="forward")
    assert (good.allowed, good.heard, good.trunk_groups[0], good.seconds) == (True, "", "tg-us", 4 * 3600)
    assert (
        explain(snapshot, "201", "+14085550123", now=NOW, path="transfer").rule == "transfer.trunk-to-trunk"
    )
    assert explain(snapshot, "201", "+14085550123", now=NOW, path="callback").rule == "callback.off"
    assert explain(snapshot, PhoneSubject("bare"), "202", now=NOW).rule == "phone.unassigned"
    assert explain(snapshot, "nobody", "+14085550123", now=NOW).rule == "subject.no-group"
    with pytest.raises(PolicyError, match="path: has to be one of dial"):
        explain(snapshot, "201", "1", now=NOW, path="teleport")


FORCED = UserGroup(
    "staff", "Staff", "staff tel", "staff calls", "staff mail", ("tg-us",), codes=CodeMode.FORCED
)
OPTIONAL = replace(FORCED, codes=CodeMode.OPTIONAL)
SERVICE = Directory(groups=(UserGroup("codes", "Codes", "tel", "calls", "mail", ("tg-us",)),))


def changed(snapshot: PolicySnapshot, **changes: object) -> PolicySnapshot:
    return compile_snapshot(replace(snapshot.directory, **changes))


def of_group(**kinds: object) -> Callable[[], PolicySnapshot]:
    return lambda: make(**kinds)  # type: ignore[arg-type]


def forwarding(call: Scope, forward: Scope, *, override: bool = False) -> Callable[[], PolicySnapshot]:
    cos = TelephonyCos("x", forwarding=CallRules(forward), forwarding_overrides=override)
    return of_group(rules=CallRules(call), telephony=cos)


FINDINGS: list[tuple[str, Severity, str, Callable[[], PolicySnapshot]]] = [
    ("call.all-calls", Severity.HIGH, "staff", of_group(rules=CallRules(Scope.ALL))),
    ("call.opened", Severity.HIGH, "staff", of_group(rules=CallRules(opened=frozenset({NumberClass.PREMIUM})))),
    ("call.opened", Severity.CRITICAL, "staff", of_group(rules=CallRules(opened=frozenset({NumberClass.FRAUD_TEST})))),
    ("call.wide-permission", Severity.WARNING, "staff", of_group(rules=CallRules.of(Scope.LOCAL, "", "+44"))),
    ("forward.further-than-dial", Severity.CRITICAL, "staff", forwarding(Scope.NATIONAL, Scope.INTERNATIONAL, override=True)),
    ("forward.further-than-dial", Severity.HIGH, "staff", forwarding(Scope.LOCAL, Scope.NATIONAL, override=True)),
    ("forward.no-effect", Severity.NOTICE, "staff", forwarding(Scope.NATIONAL, Scope.INTERNATIONAL)),
    ("forward.abroad", Severity.HIGH, "staff", forwarding(Scope.INTERNATIONAL, Scope.INTERNATIONAL)),
    ("transfer.trunk-to-trunk", Severity.WARNING, "staff", of_group(telephony=TelephonyCos("x", trunk_to_trunk=True))),
    ("transfer.trunk-to-trunk", Severity.HIGH, "staff",
     of_group(telephony=TelephonyCos("x", trunk_to_trunk=True), rules=CallRules(Scope.INTERNATIONAL))),
    ("mailbox.callback-outside", Severity.HIGH, "staff",
     of_group(telephony=TelephonyCos("x", trunk_to_trunk=True), voice_mail=VoiceMailCos("x", callback=Callback.OUTSIDE))),
    ("notify.abroad", Severity.WARNING, "staff",
     of_group(telephony=TelephonyCos("x", forwarding=CallRules(Scope.INTERNATIONAL)),
              voice_mail=VoiceMailCos("x", external_notification=True))),
    ("notify.abroad", Severity.HIGH, "staff",
     of_group(telephony=TelephonyCos("x", forwarding=CallRules(Scope.INTERNATIONAL)), rules=CallRules(Scope.INTERNATIONAL),
              voice_mail=VoiceMailCos("x", external_notification=True))),
    ("watch.silent", Severity.WARNING, "staff", of_group(telephony=TelephonyCos("x", monitor=True, warning_tone=False))),
    ("watch.silent", Severity.WARNING, "staff",
     of_group(telephony=TelephonyCos("x", accept_monitor=FROM_ALL, warning_tone=False))),
    ("watch.silent", Severity.WARNING, "staff", of_group(telephony=TelephonyCos("x", record_own=True, warning_tone=False))),
    ("codes.no-service", Severity.WARNING, "staff", of_group(group=FORCED)),
    ("codes.optional", Severity.HIGH, "staff",
     lambda: changed(make(group=OPTIONAL, rules=CallRules(Scope.INTERNAL), extra=SERVICE), code_group="codes")),
    ("code.wildcard", Severity.CRITICAL, "wild",
     of_group(extra=Directory(codes=(AuthCode("wild", "W", wildcard=4, wildcard_may_exceed=True),)))),
    ("code.no-owner", Severity.NOTICE, "c", of_group(extra=Directory(codes=(AuthCode("c", "C", owner="999"),)))),
    ("code.exceeds-service", Severity.WARNING, "c",
     lambda: changed(make(extra=replace(SERVICE, codes=(AuthCode("c", "C", scope=Scope.ALL),))), code_group="codes")),
    ("emergency.no-trunk", Severity.CRITICAL, "us", lambda: changed(make(), trunk_groups=(), trunks=())),
    ("emergency.missing-number", Severity.HIGH, "us",
     lambda: changed(make(), sites=(replace(make().directory.sites[0], emergency_numbers=("911",)),))),
    ("emergency.no-location", Severity.WARNING, "us",
     lambda: changed(make(), sites=(replace(make().directory.sites[0], location=""),))),
    ("emergency.unassigned", Severity.WARNING, "us",
     lambda: changed(make(), sites=(replace(make().directory.sites[0], unassigned_emergency=False),))),
    ("emergency.extension", Severity.HIGH, "911", of_group(extra=Directory(users=(User("911", "A", "staff", "us"),)))),
    ("emergency.extension", Severity.HIGH, "9911", of_group(extra=Directory(users=(User("9911", "A", "staff", "us"),)))),
    ("trunk.tandem", Severity.HIGH, "t", of_group(extra=Directory(trunk_groups=(TrunkGroup("t", "T", "us", tandem_group="staff"),)))),
    ("trunk.tandem", Severity.CRITICAL, "t",
     of_group(rules=CallRules(Scope.ALL), extra=Directory(trunk_groups=(TrunkGroup("t", "T", "us", tandem_group="staff"),)))),
    ("trunk.premium", Severity.NOTICE, "tg-us", of_group()),
    ("object.outside", Severity.WARNING, "310",
     of_group(extra=Directory(objects=(InsideObject("310", ObjectKind.HUNT_GROUP, "staff", "us"),)))),
    ("paging.empty", Severity.NOTICE, "310",
     of_group(extra=Directory(objects=(InsideObject("310", ObjectKind.PAGING_GROUP),)))),
    ("paging.too-many", Severity.WARNING, "310",
     of_group(extra=Directory(
         objects=(InsideObject("310", ObjectKind.OVERHEAD_PAGING, site="us"),),
         users=tuple(User(str(2000 + n), "A", "staff", "us") for n in range(101)),
     ))),
    ("paging.member-without-right", Severity.WARNING, "310",
     of_group(telephony=TelephonyCos("x", paging=False), extra=Directory(
         objects=(InsideObject("310", ObjectKind.PAGING_GROUP, members=("215",)),),
         users=(User("215", "A", "staff", "us"),),
     ))),
    ("phone.outside", Severity.WARNING, "hall", of_group(extra=Directory(phones=(Phone("hall", "us", group="staff"),)))),
    ("user.no-group", Severity.WARNING, "215", of_group(extra=Directory(users=(User("215", "A", "gone", "us"),)))),
    ("user.no-site", Severity.WARNING, "215", of_group(extra=Directory(users=(User("215", "A", "staff", None),)))),
    ("group.no-class", Severity.WARNING, "g", of_group(extra=Directory(groups=(UserGroup("g", "G", "gone", None, "mail"),)))),
    ("group.no-trunk-group", Severity.WARNING, "staff", of_group(group=replace(FORCED, trunk_groups=("gone",)))),
]  # fmt: skip


@pytest.mark.req("C7")
@pytest.mark.parametrize(("name", "severity", "where", "house"), FINDINGS)
def test_a_fraud_path_is_found_with_its_severity_and_cure(
    name: str, severity: Severity, where: str, house: Callable[[], PolicySnapshot]
) -> None:
    found = [one for one in lint(house()) if (one.id, one.where) == (name, where)]
    assert [one.severity for one in found[:1]] == [severity]
    assert all(one.what.endswith(".") and one.cure.endswith(".") for one in found)


@pytest.mark.req("C7")
def test_a_careful_house_has_nothing_but_what_the_tests_put_there() -> None:
    snapshot = make()
    careful = changed(
        snapshot,
        trunk_groups=tuple(TrunkGroup(one.id, one.name, one.site) for one in snapshot.trunk_groups.values()),
        phones=(),
        objects=(),
        calls=(*snapshot.directory.calls, CallCos("spare")),
    )
    assert lint(careful) == ()


@pytest.mark.req("C7")
def test_the_worst_comes_first() -> None:
    snapshot = make(rules=CallRules(Scope.ALL, opened=frozenset({NumberClass.FRAUD_TEST})))
    severities = [one.severity for one in lint(snapshot)]
    assert severities == sorted(severities, reverse=True)
    assert severities[0] is Severity.CRITICAL

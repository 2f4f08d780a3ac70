"""What holds whatever the group, the path and the number."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringwall.policy import (
    Action,
    Callback,
    CallRules,
    Context,
    Denial,
    Grant,
    MailboxSubject,
    NumberClass,
    ObjectSubject,
    Party,
    PhoneSubject,
    PolicySnapshot,
    Scope,
    Subject,
    TelephonyCos,
    TrunkSubject,
    Use,
    UserSubject,
    VoiceMailCos,
    may,
    parse_list,
)
from ringwall.policy.actions import LEADS_OUTSIDE
from ringwall.policy.rules import RULES
from ringwall.policy.scope import CLOSED

from .house import NOW, SITES, ask, make

ALICE = UserSubject("201")
OUTSIDE = sorted(LEADS_OUTSIDE)
DIGITS = st.text("0123456789", min_size=1, max_size=12)
DIALLED = st.one_of(
    DIGITS,
    DIGITS.map(lambda digits: "+" + digits),
    DIGITS.map(lambda digits: "9011" + digits),
    st.integers(2_000_000_000, 9_999_999_999).map(lambda n: f"+1{n}"),
    st.integers(1_000_000_000, 9_999_999_999).map(lambda n: f"+44{n}"),
    st.integers(200, 999).map(lambda n: f"+1{n}5550123"),
    st.sampled_from(
        ["202", "911", "9911", "*15", "301", "9311", "9411", "91010288", "9*67", "+19005551234", "+881612345678",
         "+5352345678", "90", "9101028819005551234", "9*6714085550123", "+447012345678", "1/311"]
    ),
)  # fmt: skip
SCOPES = st.sampled_from(list(Scope))
PREFIX = st.text("0123456789x", max_size=5)
ENTRY = st.one_of(
    PREFIX.map(lambda tail: f"+1{tail}"),
    PREFIX.map(lambda tail: f"+44{tail}"),
    st.sampled_from(["1/311", "1/x11", "+881", "+53"]),
)
LISTS = st.lists(ENTRY, max_size=6).map(parse_list)
OPENED = st.frozensets(st.sampled_from(sorted(CLOSED)))
RULES_OF = st.builds(CallRules, SCOPES, LISTS, LISTS, OPENED)
FLAGS = st.booleans()


def with_rules(rules: CallRules, site: str = "us") -> PolicySnapshot:
    return make(rules=rules, site=site)


def subject_of(action: Action) -> Subject:
    return MailboxSubject("201", from_outside=False) if action in {Action.CALLBACK, Action.NOTIFY} else ALICE


@pytest.mark.req("C3")
@given(RULES_OF, DIALLED, st.sampled_from([site.id for site in SITES]))
def test_permitted_beats_restricted(rules: CallRules, dialled: str, site: str) -> None:
    both = CallRules(rules.scope, (*rules.restrictions, *rules.permissions), rules.permissions, rules.opened)
    with_both = ask(with_rules(both, site), ALICE, Action.DIAL, dialled)
    permitted = ask(with_rules(rules, site), ALICE, Action.DIAL, dialled)
    if permitted.rule.id == "call.permitted":
        assert with_both.allowed
        assert with_both.rule == permitted.rule


@pytest.mark.req("C3")
@given(RULES_OF, SCOPES, DIALLED, st.sampled_from([site.id for site in SITES]))
def test_a_higher_rung_never_allows_less(rules: CallRules, other: Scope, dialled: str, site: str) -> None:
    low, high = sorted((rules.scope, other))
    lists = (rules.restrictions, rules.permissions, rules.opened)
    if ask(with_rules(CallRules(low, *lists), site), ALICE, Action.DIAL, dialled).allowed:
        assert ask(with_rules(CallRules(high, *lists), site), ALICE, Action.DIAL, dialled).allowed


@pytest.mark.req("C3")
@given(RULES_OF, ENTRY, DIALLED)
def test_one_restriction_more_never_allows_more(rules: CallRules, entry: str, dialled: str) -> None:
    more = CallRules(rules.scope, (*rules.restrictions, *parse_list(entry)), rules.permissions, rules.opened)
    if ask(with_rules(more), ALICE, Action.DIAL, dialled).allowed:
        assert ask(with_rules(rules), ALICE, Action.DIAL, dialled).allowed


@pytest.mark.req("C3")
@given(RULES_OF, ENTRY, DIALLED)
def test_one_permission_more_never_allows_less(rules: CallRules, entry: str, dialled: str) -> None:
    more = CallRules(rules.scope, rules.restrictions, (*rules.permissions, *parse_list(entry)), rules.opened)
    if ask(with_rules(rules), ALICE, Action.DIAL, dialled).allowed:
        assert ask(with_rules(more), ALICE, Action.DIAL, dialled).allowed


@pytest.mark.req("C5")
@settings(max_examples=300)
@given(
    rules=RULES_OF,
    forwarding=st.builds(CallRules, st.sampled_from(list(Scope)[1:]), LISTS, LISTS, OPENED),
    rights=st.fixed_dictionaries(
        dict.fromkeys(
            ("trunk_to_trunk", "external_forwarding", "external_assignment", "pstn_failover", "paging"), FLAGS
        )
    ),
    callback=st.sampled_from(list(Callback)),
    notify=FLAGS,
    action=st.sampled_from(OUTSIDE),
    dialled=DIALLED,
    party=st.sampled_from(list(Party)),
)
def test_no_path_gives_more_than_dialling_would(
    rules: CallRules,
    forwarding: CallRules,
    rights: dict[str, bool],
    callback: Callback,
    notify: bool,
    action: Action,
    dialled: str,
    party: Party,
) -> None:
    snapshot = make(
        rules=rules,
        telephony=TelephonyCos("x", forwarding=forwarding, **rights),  # type: ignore[arg-type]
        voice_mail=VoiceMailCos("x", callback=callback, external_notification=notify),
    )
    answer = ask(snapshot, subject_of(action), action, dialled, party=party)
    if answer.allowed:
        assert ask(snapshot, ALICE, Action.DIAL, dialled).allowed
    needed = {
        Action.FORWARD_ALWAYS: rights["external_forwarding"],
        Action.FIND_ME: rights["external_forwarding"],
        Action.EXTERNAL_ASSIGNMENT: rights["external_assignment"],
        Action.PSTN_FAILOVER: rights["pstn_failover"],
        Action.NOTIFY: notify,
        Action.CALLBACK: callback is Callback.OUTSIDE and rights["trunk_to_trunk"],
        Action.BLIND_TRANSFER: rights["trunk_to_trunk"] or party is Party.INSIDE,
        Action.ATTENDED_TRANSFER: rights["trunk_to_trunk"] or party is Party.INSIDE,
    }
    number = answer.number
    if (
        number is not None
        and number.outside
        and number.number_class is not NumberClass.EMERGENCY
        and answer.allowed
    ):
        assert needed.get(action, True)


@pytest.mark.req("C5")
@given(st.sampled_from(list(Scope)), DIALLED, st.sampled_from(OUTSIDE))
def test_what_is_closed_stays_closed_on_every_path_until_it_is_named(
    scope: Scope, dialled: str, action: Action
) -> None:
    forwarding = CallRules(max(scope, Scope.LOCAL))
    cos = TelephonyCos(
        "x",
        trunk_to_trunk=True,
        external_assignment=True,
        pstn_failover=True,
        forwarding=forwarding,
        forwarding_overrides=True,
    )
    mail = VoiceMailCos("x", callback=Callback.OUTSIDE, external_notification=True)
    answer = ask(
        make(rules=CallRules(scope), telephony=cos, voice_mail=mail), subject_of(action), action, dialled
    )
    if answer.number_class in CLOSED | {NumberClass.UNALLOCATED, NumberClass.INVALID}:
        assert not answer.allowed


@pytest.mark.req("C3")
@given(DIALLED, st.sampled_from([site.id for site in SITES]))
def test_canonical_forms_are_stable(dialled: str, site: str) -> None:
    plan = make(site=site).plans[site]
    once = plan.read(dialled)
    if once.canonical:
        again = plan.read(once.canonical)
        assert (again.canonical, again.number_class) == (once.canonical, once.number_class)


ANYBODY = st.one_of(
    st.just(ALICE),
    st.builds(UserSubject, st.text(max_size=4), st.none() | st.text(max_size=4)),
    st.builds(PhoneSubject, st.sampled_from(["bare", "lobby", "p201", "?"])),
    st.builds(TrunkSubject, st.sampled_from(["trunk-us", "?"])),
    st.builds(MailboxSubject, st.sampled_from(["201", "?"]), FLAGS),
    st.builds(ObjectSubject, st.sampled_from(["301", "304", "?"])),
)
HOUSE = make(rules=CallRules(Scope.ALL))


@pytest.mark.req("C5")
@settings(max_examples=500)
@given(
    ANYBODY,
    st.sampled_from(list(Action)),
    st.none() | st.text(max_size=80) | DIALLED,
    st.none() | st.text(max_size=5),
)
def test_any_text_gives_a_decision_with_a_rule_that_is_listed(
    subject: Subject, action: Action, number: str | None, target: str | None
) -> None:
    answer = may(HOUSE, subject, action, number=number, target=target, context=Context(NOW, Use()))
    assert isinstance(answer, Grant | Denial)
    assert answer.rule.id in RULES
    assert answer.rule.sentence
    assert answer.steps
    assert answer.record()["rule"] == answer.rule.id
    if isinstance(answer, Denial):
        assert answer.status >= 400
        assert answer.reason
    else:
        assert RULES[answer.rule.id].status == 0


@pytest.mark.req("C5", "P2")
@given(ANYBODY, st.sampled_from(list(Action)), DIALLED)
def test_only_users_of_a_group_get_a_leg_to_the_outside(
    subject: Subject, action: Action, number: str
) -> None:
    answer = may(HOUSE, subject, action, number=number, context=Context(NOW, Use()))
    if isinstance(answer, Grant) and answer.way is not None and not answer.way.emergency:
        assert subject in {
            ALICE,
            PhoneSubject("lobby"),
            PhoneSubject("p201"),
            ObjectSubject("304"),
        } or isinstance(subject, MailboxSubject | UserSubject)
        assert answer.way.trunk_groups
        assert answer.way.charge is not None
        assert answer.number is not None
        assert answer.number.outside

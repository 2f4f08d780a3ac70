"""Session timers, from both sides (RFC 4028)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.sip.errors import ParseError
from ringwall.sip.session_timer import (
    LEAST_INTERVAL,
    LONGEST_INTERVAL,
    Refresher,
    SessionTimer,
    TimerChoice,
    TimerPolicy,
    TooSmall,
    after_too_small,
    from_response,
    negotiate_uas,
    supports_timer,
    uac_headers,
)
from support.sip_peers import request

POLICY = TimerPolicy(session_expires=1800, min_se=120)
SUPPORTED = ("Supported", "replaces, timer")


def invite(*headers):
    return request(branch="z9hG4bKx", headers=headers)


def choose(*headers, policy=POLICY) -> TimerChoice:
    choice = negotiate_uas(invite(*headers), policy)
    assert isinstance(choice, TimerChoice)
    return choice


def test_the_refresher_refreshes_at_half_and_the_other_ends_shortly_before_the_end():
    assert SessionTimer(1800, Refresher.LOCAL).refresh_at(100.0) == 1000.0
    assert SessionTimer(1800, Refresher.REMOTE).refresh_at(100.0) is None
    assert SessionTimer(1800, Refresher.REMOTE).expires_at(100.0) == 100 + 1800 - 32
    assert SessionTimer(90, Refresher.REMOTE).expires_at(100.0) == 100 + 90 - 30


def test_a_caller_that_asks_for_nothing_gets_our_interval():
    choice = choose(SUPPORTED)
    assert choice.timer == SessionTimer(1800, Refresher.LOCAL)
    assert choice.headers == (("Require", "timer"), ("Session-Expires", "1800;refresher=uas"))


def test_a_caller_without_timers_is_refreshed_by_us_and_told_nothing():
    choice = choose()
    assert choice == TimerChoice(SessionTimer(1800, Refresher.LOCAL), ())


# RFC 4028 9, table 2: does the caller know timers, whom does it name, who refreshes
@pytest.mark.parametrize(
    ("supported", "named", "refresher"),
    [
        (False, None, Refresher.LOCAL),
        (False, "uas", Refresher.LOCAL),
        (False, "uac", Refresher.LOCAL),
        (True, None, Refresher.REMOTE),
        (True, "uac", Refresher.REMOTE),
        (True, "UAC", Refresher.REMOTE),
        (True, "uas", Refresher.LOCAL),
    ],
)
def test_who_refreshes(supported, named, refresher):
    value = "900" + (f";refresher={named}" if named else "")
    policy = TimerPolicy(refresher=Refresher.REMOTE)
    choice = choose(*([SUPPORTED] if supported else []), ("Session-Expires", value), policy=policy)
    assert choice.timer == SessionTimer(900, refresher)
    side = "uac" if refresher is Refresher.REMOTE else "uas"
    assert choice.headers == (
        (("Require", "timer"), ("Session-Expires", f"900;refresher={side}")) if supported else ()
    )


@pytest.mark.parametrize(
    ("asked", "min_se", "interval"),
    [
        (600, None, 600),
        (5000, None, 1800),
        (120, None, 120),
        (5000, 3600, 3600),
        (2000, 2000, 2000),
        (600, 100, 600),
    ],
)
def test_the_interval_stays_between_what_both_sides_ask(asked, min_se, interval):
    headers = [SUPPORTED, ("Session-Expires", str(asked))]
    if min_se is not None:
        headers.append(("Min-SE", str(min_se)))
    assert choose(*headers).timer.interval == interval


def test_too_small_an_interval_is_refused_with_ours():
    refusal = negotiate_uas(invite(SUPPORTED, ("Session-Expires", "119")), POLICY)
    assert refusal == TooSmall(120)
    assert (refusal.status, refusal.headers) == (422, (("Min-SE", "120"),))


def test_too_small_an_interval_of_a_caller_that_would_not_understand_is_raised():
    assert choose(("Session-Expires", "60")).timer.interval == 120


def test_nobody_can_switch_the_timer_off_with_an_endless_minimum():
    choice = choose(SUPPORTED, ("Session-Expires", "4294967295"), ("Min-SE", "4294967295"))
    assert choice.timer.interval == LONGEST_INTERVAL


@pytest.mark.parametrize("name", ["x", "X", "session-expires"])
def test_the_compact_form_is_understood(name):
    assert choose(SUPPORTED, (name, "700;refresher=uas")).timer == SessionTimer(700, Refresher.LOCAL)


@pytest.mark.parametrize(
    "header",
    [
        ("Session-Expires", "soon"),
        ("Session-Expires", ""),
        ("Session-Expires", "-1"),
        ("Session-Expires", "4294967296"),
        ("Session-Expires", "1800;refresher=both"),
        ("Session-Expires", "1800;refresher=uac;refresher=uas"),
        ("Min-SE", "x"),
    ],
)
def test_malformed_headers_are_refused_with_400(header):
    with pytest.raises(ParseError) as caught:
        negotiate_uas(invite(SUPPORTED, header), POLICY)
    assert caught.value.status == 400


@pytest.mark.parametrize("header", [("Supported", "100rel,Timer"), ("Require", "timer")])
def test_support_is_said_in_supported_or_require(header):
    assert supports_timer(invite(header))
    assert not supports_timer(invite(("Supported", "100rel, timers")))


def test_a_first_invite_of_ours_leaves_the_roles_open():
    assert uac_headers(POLICY) == (("Supported", "timer"), ("Session-Expires", "1800"), ("Min-SE", "120"))


@pytest.mark.parametrize(("refresher", "side"), [(Refresher.LOCAL, "uac"), (Refresher.REMOTE, "uas")])
def test_a_refresh_keeps_interval_and_roles(refresher, side):
    headers = dict(uac_headers(POLICY, SessionTimer(600, refresher)))
    assert headers["Session-Expires"] == f"600;refresher={side}"


@pytest.mark.parametrize(
    ("value", "timer"),
    [
        (None, SessionTimer(1800, Refresher.LOCAL)),
        ("600;refresher=uac", SessionTimer(600, Refresher.LOCAL)),
        ("600;refresher=uas", SessionTimer(600, Refresher.REMOTE)),
        ("600", SessionTimer(600, Refresher.LOCAL)),
        ("5;refresher=uac", SessionTimer(120, Refresher.LOCAL)),
        ("4294967295;refresher=uas", SessionTimer(LONGEST_INTERVAL, Refresher.REMOTE)),
    ],
)
def test_the_answer_to_our_invite_makes_the_timer(value, timer):
    response = invite().response(200, headers=[] if value is None else [("Session-Expires", value)])
    assert from_response(response, POLICY) == timer


@pytest.mark.parametrize(("min_se", "least", "wanted"), [("3600", 3600, 3600), ("300", 300, 1800), ("1", 120, 1800), ("4294967295", LONGEST_INTERVAL, LONGEST_INTERVAL)])  # fmt: skip
def test_after_a_422_we_ask_for_what_the_other_side_wants(min_se, least, wanted):
    policy = after_too_small(invite().response(422, headers=[("Min-SE", min_se)]), POLICY)
    assert policy == TimerPolicy(wanted, least)


@pytest.mark.parametrize("bad", [(89, 89), (100, 200), (LONGEST_INTERVAL + 1, 90)])
def test_a_policy_that_breaks_the_rules_is_refused(bad):
    with pytest.raises(ValueError, match="session timer"):
        TimerPolicy(*bad)


policies = st.builds(
    lambda least, more, refresher: TimerPolicy(least + more, least, refresher),
    st.integers(LEAST_INTERVAL, 3600),
    st.integers(0, 7200),
    st.sampled_from(Refresher),
)


@given(policies, policies, st.booleans())
def test_two_of_us_always_agree(caller, callee, first):
    """What one side asks, the other answers, until both have the same interval and exactly one refreshes."""
    timer = None if first else SessionTimer(caller.session_expires, Refresher.LOCAL)
    choice = negotiate_uas(invite(*uac_headers(caller, timer)), callee)
    if isinstance(choice, TooSmall):
        caller = after_too_small(invite().response(choice.status, headers=choice.headers), caller)
        choice = negotiate_uas(invite(*uac_headers(caller)), callee)
    assert isinstance(choice, TimerChoice)
    ours = from_response(invite().response(200, headers=choice.headers), caller)
    assert ours.interval == choice.timer.interval
    assert {ours.refresher, choice.timer.refresher} == set(Refresher)
    assert ours.interval >= max(caller.min_se, callee.min_se, LEAST_INTERVAL)


@given(st.builds(SessionTimer, st.integers(90, 86400), st.sampled_from(Refresher)))
def test_a_timer_survives_being_stored(timer):
    assert SessionTimer.from_value(json.loads(json.dumps(timer.to_value()))) == timer

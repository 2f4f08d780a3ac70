"""Guessing is bounded for every way to guess, and takes nobody's room who is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core.lockout.alarm import GuessingAlarm
from ringwall.core.lockout.gate import DEVICE_LIMITS, Attempt, Limits, Lockout
from ringwall.core.lockout.known import DEVICES, KnownPlaces

LIMITS = DEVICE_LIMITS
THERE = {"d1": "1", "d2": "2"}


@pytest.fixture
def gate() -> Lockout:
    return _gate()


def _gate() -> Lockout:
    return Lockout(KnownPlaces(DEVICES), LIMITS, GuessingAlarm(lambda *_, **__: None, "device password"))


def _attempt(account="d1", source="192.0.2.1", *, connection="c1", instance="", trusted=False) -> Attempt:
    marks = (f"instance {instance}",) if instance else ()
    return Attempt(
        account,
        THERE.get(account),
        account,
        source,
        marks=marks,
        connection=connection,
        trusted=trusted,
    )


def _guess(gate, count, attempt=None, now=0.0, **how) -> int:
    """Guess so many times, and return how many of them were looked at."""
    looked = 0
    for number in range(count):
        one = attempt(number) if attempt is not None else _attempt(**how)
        if gate.wait(one, now) > 0:
            gate.refused(one, now)
        else:
            gate.begin(one, now).wrong()
            looked += 1
    return looked


def _sign_in(gate, now=0.0, **how) -> bool:
    attempt = _attempt(**how)
    if gate.wait(attempt, now) > 0:
        return False
    gate.begin(attempt, now).right()
    gate.learn(attempt)
    return True


def test_one_source_at_one_account(gate) -> None:
    assert _guess(gate, 1500) == LIMITS.of_pair
    assert not _sign_in(gate, now=LIMITS.seconds - 1)
    assert _sign_in(gate, now=LIMITS.seconds + 1)


def test_another_connection_is_no_other_source(gate) -> None:
    assert _guess(gate, 500, lambda number: _attempt(connection=f"c{number}")) == LIMITS.of_pair


def test_many_sources_at_one_account(gate) -> None:
    assert _guess(gate, 250, lambda number: _attempt(source=f"192.0.2.{number}")) == LIMITS.at_account
    assert not _sign_in(gate, source="198.51.100.1")
    assert _sign_in(gate, account="d2", source="198.51.100.1")


def test_one_source_at_many_accounts(gate) -> None:
    assert _guess(gate, 1000, lambda number: _attempt(f"made up {number}")) == LIMITS.of_source
    assert not _sign_in(gate)
    assert _sign_in(gate, source="198.51.100.1")


def test_a_name_that_is_there_and_one_that_is_not_are_stopped_alike() -> None:
    patterns = []
    for name in ("d1", "nobody"):
        gate, pattern = _gate(), []
        for number in range(200):
            one = _attempt(name, f"192.0.2.{number // 3}")
            pattern.append(gate.wait(one, float(number)))
            if not pattern[-1]:
                gate.begin(one, float(number)).wrong()
        patterns.append(pattern)
    assert patterns[0] == patterns[1]


def test_made_up_names_push_no_real_account_out(gate) -> None:
    _guess(gate, LIMITS.at_account, lambda number: _attempt(source=f"192.0.2.{number}"))
    for number in range(12_000):
        one = _attempt(f"made up {number}", f"10.{number // 65536}.{number // 256 % 256}.{number % 256}")
        if not gate.wait(one, 0.0):
            gate.begin(one, 0.0).wrong()
    assert not _sign_in(gate, source="198.51.100.1")


@pytest.mark.parametrize("how", ["address", "instance", "connection"])
def test_whoever_is_known_gets_in_at_once_whatever_others_guess(gate, how) -> None:
    known = {
        "address": {"connection": "new"},
        "instance": {"source": "203.0.113.99", "connection": "new", "instance": "urn:uuid:1"},
        "connection": {"source": "203.0.113.99", "connection": "own", "trusted": True},
    }[how]
    assert _sign_in(gate, instance="urn:uuid:1")
    _guess(gate, 250, lambda number: _attempt(source=f"198.51.100.{number}"))
    for number in range(30):
        _guess(gate, 30, connection=f"guesser {number}")  # behind the same address, at this very account
    _guess(gate, 300, lambda number: _attempt(f"made up {number}"))
    _guess(gate, 300, lambda number: _attempt("d2"))
    for _ in range(100):
        assert _sign_in(gate, **known)


def test_on_one_connection_whoever_is_known_has_so_many_wrong_tries(gate) -> None:
    assert _sign_in(gate)
    assert _guess(gate, 1500) == LIMITS.of_connection
    assert not _sign_in(gate)
    assert _sign_in(gate, connection="c2")


def test_many_devices_on_one_connection_do_not_share_their_tries(gate) -> None:
    """A base station brings all its handsets over one connection, and one of them may have a wrong password."""
    assert _sign_in(gate)
    _guess(gate, 1000, account="d2")
    assert _sign_in(gate)


def test_a_forgotten_phone_with_a_wrong_password_does_not_use_its_office_up(gate) -> None:
    for account in ("old 1", "old 2", "old 3"):
        assert _guess(gate, 100, account=account) == LIMITS.of_pair
    assert _sign_in(gate)


def test_many_right_passwords_cost_nothing_and_give_nobody_new_tries(gate) -> None:
    assert _guess(gate, LIMITS.of_pair - 1) == LIMITS.of_pair - 1
    for _ in range(100):
        assert _sign_in(gate, instance="urn:uuid:1")
    # A stranger at that address, at another account: what they had is what they have.
    _guess(gate, 1000, lambda number: _attempt(f"made up {number}"))
    for _ in range(100):
        assert _sign_in(gate)
    assert _guess(gate, 100, lambda number: _attempt(f"more {number}")) == 0


def test_many_at_once_get_no_further_than_many_in_turn(gate) -> None:
    begun = []
    while gate.wait(_attempt(), 0.0) <= 0:
        begun.append(gate.begin(_attempt(), 0.0))
    assert len(begun) == LIMITS.of_pair
    for one in begun:
        one.right()
    assert gate.wait(_attempt(), 0.0) == 0


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["d1", "d2", "x", "y"]),
            st.integers(1, 4),
            st.integers(1, 3),
            st.booleans(),
            st.floats(0, 100),
        ),
        max_size=150,
    )
)
def test_no_order_of_tries_gives_strangers_more_than_the_limits(tries) -> None:
    limits = Limits(of_pair=3, of_source=5, of_source_for_account=2, at_account=4, of_connection=3)
    gate = Lockout(KnownPlaces(DEVICES), limits, GuessingAlarm(lambda *_, **__: None, "x"))
    now, wrong = 0.0, []
    for account, source, connection, right, pause in tries:
        now += pause
        attempt = _attempt(account, f"192.0.2.{source}", connection=str(connection))
        known = gate.is_known(attempt)
        if gate.wait(attempt, now) > 0:
            continue
        pending = gate.begin(attempt, now)
        if right and account in THERE:
            pending.right()
            gate.learn(attempt)
            assert gate.is_known(attempt)
            continue
        pending.wrong()
        if not known:
            wrong.append((now, account, source))
        recent = [one for one in wrong if one[0] > now - limits.seconds]
        assert sum(one[1] == account for one in recent) <= limits.at_account
        assert sum(one[1:] == (account, source) for one in recent) <= limits.of_pair


def test_long_names_are_cut(gate) -> None:
    assert _guess(gate, 100, lambda number: _attempt("x" * 64 + str(number))) == LIMITS.of_pair

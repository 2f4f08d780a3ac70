"""Who is logged in where: the rules of section 8 as examples, and what always holds as a property."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringwall.core.phones import moving
from ringwall.core.phones.model import Identity, PhoneEntry
from ringwall.core.phones.moving import Floor, NoHomeError, NotAllowedError, Phones
from ringwall.core.phones.states import SIGNS_IN, TABLE, Event, NotPossibleError, State, after

pytestmark = pytest.mark.req("P3", "C2")
ANNA, BERT, CARA = 101, 102, 103
DESK_A, DESK_B, LOBBY = 1, 2, 3


def _phone(number, state=State.AVAILABLE, **more):
    return PhoneEntry(number, f"{number:012x}", state, identity=Identity.FACTORY, **more)


@pytest.fixture
def office():
    """Anna and Bert at their home phones, a phone in the lobby that is nobody's."""
    return Phones.of(
        (
            _phone(DESK_A, State.ASSIGNED, user=ANNA, home=ANNA),
            _phone(DESK_B, State.ASSIGNED, user=BERT, home=BERT),
            _phone(LOBBY),
        )
    )


def _do(phones, what, *args, **more):
    floor = Floor(phones)
    what(floor, *args, **more)
    return phones.with_phones(floor.changed)


def _where(phones):
    return {user: one.id for user, one in phones.at.items()}


def test_who_moves_leaves_a_vacated_phone_and_comes_home_by_logging_out(office) -> None:
    office = _do(office, moving.login, LOBBY, ANNA, may_move=True)
    assert _where(office) == {ANNA: LOBBY, BERT: DESK_B}
    assert office.by_id[DESK_A].state is State.VACATED
    office = _do(office, moving.logout, LOBBY)
    assert _where(office) == {ANNA: DESK_A, BERT: DESK_B}
    assert office.by_id[LOBBY].state is State.AVAILABLE


def test_without_the_right_to_move_nobody_logs_in_at_another_phone(office) -> None:
    for phone in (LOBBY, DESK_B):
        with pytest.raises(NotAllowedError):
            _do(office, moving.login, phone, ANNA, may_move=False)
    with pytest.raises(NotAllowedError):
        _do(office, moving.login, DESK_A, CARA, may_move=False)


def test_the_first_phone_of_a_user_who_may_not_move_is_their_home(office) -> None:
    office = _do(office, moving.login, LOBBY, CARA, may_move=False)
    assert office.home[CARA].id == office.at[CARA].id == LOBBY


def test_who_may_move_makes_no_phone_their_home(office) -> None:
    office = _do(office, moving.login, LOBBY, CARA, may_move=True)
    assert office.at[CARA].id == LOBBY
    assert CARA not in office.home


def test_who_is_put_out_goes_home_or_waits_until_home_is_free(office) -> None:
    office = _do(office, moving.login, LOBBY, ANNA, may_move=True)
    office = _do(office, moving.login, LOBBY, CARA, may_move=True)  # Anna goes home
    assert _where(office) == {ANNA: DESK_A, BERT: DESK_B, CARA: LOBBY}
    office = _do(office, moving.login, DESK_A, CARA, may_move=True)  # now she has no phone
    assert _where(office) == {BERT: DESK_B, CARA: DESK_A}
    assert office.by_id[DESK_A].owner_waits
    office = _do(office, moving.logout, DESK_A)
    assert _where(office) == {ANNA: DESK_A, BERT: DESK_B}


def test_the_owner_puts_a_visitor_out_by_going_home(office) -> None:
    office = _do(office, moving.login, LOBBY, ANNA, may_move=True)
    office = _do(office, moving.login, DESK_A, CARA, may_move=True)
    office = _do(office, moving.logout, LOBBY)  # home is taken: Anna waits
    assert _where(office) == {BERT: DESK_B, CARA: DESK_A}
    assert office.by_id[DESK_A].owner_waits
    office = _do(office, moving.go_home, ANNA)
    assert _where(office) == {ANNA: DESK_A, BERT: DESK_B}
    assert not office.by_id[DESK_A].owner_waits


def test_who_found_another_phone_does_not_wait_any_longer(office) -> None:
    office = _do(office, moving.login, DESK_A, CARA, may_move=True)
    office = _do(office, moving.login, LOBBY, ANNA, may_move=True)
    office = _do(office, moving.logout, DESK_A)
    assert _where(office) == {ANNA: LOBBY, BERT: DESK_B}
    assert office.by_id[DESK_A].state is State.VACATED


def test_two_who_swap_their_phones_and_one_goes_home(office) -> None:
    office = _do(office, moving.login, DESK_B, ANNA, may_move=True)
    office = _do(office, moving.login, DESK_A, BERT, may_move=True)
    assert _where(office) == {ANNA: DESK_B, BERT: DESK_A}
    office = _do(office, moving.go_home, ANNA)
    assert _where(office) == {ANNA: DESK_A, BERT: DESK_B}


def test_who_logs_out_at_home_is_at_no_phone(office) -> None:
    office = _do(office, moving.logout, DESK_A)
    assert _where(office) == {BERT: DESK_B}
    assert office.by_id[DESK_A].state is State.VACATED
    assert _do(office, moving.logout, DESK_A) == office


def test_a_blocked_phone_loses_its_user_and_keeps_its_owner(office) -> None:
    office = _do(office, moving.take_out, DESK_A, Event.BLOCK)
    assert (office.by_id[DESK_A].state, office.home[ANNA].id) == (State.BLOCKED, DESK_A)
    assert _where(office) == {BERT: DESK_B}
    with pytest.raises(NotPossibleError):
        _do(office, moving.login, DESK_A, ANNA, may_move=True)


def test_a_visitor_at_a_phone_that_is_blocked_goes_home(office) -> None:
    office = _do(office, moving.login, LOBBY, ANNA, may_move=True)
    assert _where(_do(office, moving.take_out, LOBBY, Event.BLOCK)) == {ANNA: DESK_A, BERT: DESK_B}


def test_a_user_who_is_removed_leaves_phones_that_are_nobodys(office) -> None:
    office = _do(office, moving.login, LOBBY, ANNA, may_move=True)
    office = _do(office, moving.user_leaves, ANNA)
    assert [office.by_id[one].state for one in (DESK_A, LOBBY)] == [State.AVAILABLE] * 2
    assert ANNA not in office.home


def test_a_home_is_given_and_taken(office) -> None:
    office = _do(office, moving.give_home, LOBBY, ANNA)
    assert (office.home[ANNA].id, office.by_id[DESK_A].home) == (LOBBY, None)
    assert office.by_id[LOBBY].state is State.VACATED
    office = _do(office, moving.give_home, LOBBY, None)
    assert office.by_id[LOBBY].state is State.AVAILABLE
    with pytest.raises(NoHomeError):
        _do(office, moving.go_home, CARA)


_USERS, _NUMBERS = st.sampled_from((ANNA, BERT, CARA)), st.integers(1, 4)
_MOVES = st.one_of(
    st.tuples(st.just("login"), _NUMBERS, _USERS, st.booleans()),
    st.tuples(st.just("logout"), _NUMBERS),
    st.tuples(st.just("go_home"), _USERS),
    st.tuples(st.just("give_home"), _NUMBERS, st.one_of(st.none(), _USERS)),
    st.tuples(st.just("take_out"), _NUMBERS, st.sampled_from((Event.BLOCK, Event.FORGET))),
    st.tuples(st.just("user_leaves"), _USERS),
    st.tuples(st.just("event"), _NUMBERS, st.sampled_from(Event)),
)


@settings(max_examples=400)
@given(st.lists(_MOVES, max_size=40))
def test_whatever_happens_nobody_is_at_two_phones_and_nobody_has_two_homes(moves) -> None:
    phones = Phones.of(PhoneEntry(number, f"{number:012x}", State.DISCOVERED) for number in range(1, 5))
    for name, *args in moves:
        before = phones
        try:
            if name == "event":
                phones = _happens(phones, *args)
            elif name == "login":
                phones = _do(phones, moving.login, args[0], args[1], may_move=args[2])
            else:
                phones = _do(phones, getattr(moving, name), *args)
        except (NotPossibleError, NotAllowedError, NoHomeError):
            assert phones == before
            continue
        every = list(phones.by_id.values())
        users = [one.user for one in every if one.user is not None]
        homes = [one.home for one in every if one.home is not None]
        assert len(users) == len(set(users))
        assert len(homes) == len(set(homes))
        assert phones == Phones.of(every)
        for one in every:
            # Who waits for their home phone is at no phone, and somebody else is at theirs.
            assert not one.owner_waits or (one.home not in users and one.user not in (None, one.home))
        if name == "login":
            assert phones.at[args[1]].id == args[0]
            assert args[2] or phones.home[args[1]].id == args[0] or before == phones


def _happens(phones, number, event):
    """The events that are not made by moves."""
    phone = phones.by_id[number]
    if event is Event.ENROL:
        phone = phone.on(event, identity=Identity.FACTORY)
    elif event in {Event.FURNISH, Event.FURNISH_HOME}:
        if (event is Event.FURNISH) != (phone.home is None):
            raise NotPossibleError(phone.state, event)
        phone = phone.on(event)
    elif event is Event.UNBLOCK:
        phone = phone.on(event)
    else:
        raise NotPossibleError(phone.state, event)
    return phones.with_phones((phone,))


@pytest.mark.req("P2")
def test_the_table_has_no_way_to_a_user_but_login_and_none_to_credentials_without_proof() -> None:
    for (state, event), new in TABLE.items():
        assert new is not State.ASSIGNED or event is Event.LOGIN or state is State.ASSIGNED
        assert new not in SIGNS_IN or state in SIGNS_IN or state is State.ENROLLED
        assert new is not State.ENROLLED or event is Event.ENROL or state is State.ENROLLED
        assert state is not State.BLOCKED or new in {State.BLOCKED, State.DISCOVERED}
    assert {state for state, _ in TABLE} == set(State)
    assert {event for _, event in TABLE} == set(Event)
    with pytest.raises(NotPossibleError):
        after(State.DISCOVERED, Event.LOGIN)


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": State.ASSIGNED},
        {"state": State.AVAILABLE, "user": ANNA},
        {"state": State.VACATED},
        {"state": State.AVAILABLE, "home": ANNA},
        {"state": State.AVAILABLE, "identity": Identity.NONE},
        {"owner_waits": True},
    ],
)
def test_a_phone_that_cannot_be_is_not_made(wrong) -> None:
    with pytest.raises(ValueError, match="phone"):
        replace(_phone(1), **wrong)

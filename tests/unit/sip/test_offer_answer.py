"""Whose turn it is to speak of the session."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.sip.offer_answer import Glare, OfferAnswer, OfferState, OutOfTurn, glare_pause

IDLE, STABLE, LOCAL, REMOTE = OfferState
MOVES = ("sent_offer", "received_offer", "sent_answer", "received_answer", "rejected")


def in_state(state: OfferState) -> OfferAnswer:
    ways = {
        IDLE: [],
        STABLE: ["sent_offer", "received_answer"],
        LOCAL: ["sent_offer", "received_answer", "sent_offer"],
        REMOTE: ["sent_offer", "received_answer", "received_offer"],
    }
    negotiation = OfferAnswer()
    for move in ways[state]:
        getattr(negotiation, move)()
    assert negotiation.state is state
    return negotiation


# state, move, state after it, and what comes of it
ROWS = [
    (IDLE, "sent_offer", LOCAL, None),
    (IDLE, "received_offer", REMOTE, None),
    (IDLE, "sent_answer", IDLE, OutOfTurn),
    (IDLE, "received_answer", IDLE, False),
    (IDLE, "rejected", IDLE, None),
    (STABLE, "sent_offer", LOCAL, None),
    (STABLE, "received_offer", REMOTE, None),
    (STABLE, "sent_answer", STABLE, OutOfTurn),
    (STABLE, "received_answer", STABLE, False),
    (STABLE, "rejected", STABLE, None),
    (LOCAL, "sent_offer", LOCAL, OutOfTurn),
    (LOCAL, "received_offer", LOCAL, 491),
    (LOCAL, "sent_answer", LOCAL, OutOfTurn),
    (LOCAL, "received_answer", STABLE, True),
    (LOCAL, "rejected", STABLE, None),
    (REMOTE, "sent_offer", REMOTE, OutOfTurn),
    (REMOTE, "received_offer", REMOTE, 500),
    (REMOTE, "sent_answer", STABLE, None),
    (REMOTE, "received_answer", REMOTE, False),
    (REMOTE, "rejected", STABLE, None),
]


@pytest.mark.parametrize(("state", "move", "after", "comes"), ROWS)
def test_a_row_of_the_table_does_what_it_says(state, move, after, comes):
    negotiation = in_state(state)
    if comes is OutOfTurn:
        with pytest.raises(OutOfTurn):
            getattr(negotiation, move)()
    elif comes in (491, 500):
        with pytest.raises(Glare) as caught:
            getattr(negotiation, move)()
        assert caught.value.status == comes
    else:
        assert getattr(negotiation, move)() is comes
    assert negotiation.state is after


def test_the_rows_above_are_all_that_there_can_be():
    assert {(state, move) for state, move, _, _ in ROWS} == {
        (state, move) for state in OfferState for move in MOVES
    }


@pytest.mark.parametrize("move", ["sent_offer", "received_offer"])
def test_a_first_offer_that_is_rejected_leaves_nothing_agreed(move):
    negotiation = OfferAnswer()
    getattr(negotiation, move)()
    negotiation.rejected()
    assert negotiation.state is IDLE


def test_only_an_early_offer_is_told_when_to_come_again():
    for state, headers in ((LOCAL, ()), (REMOTE, (("Retry-After", "7"),))):
        with pytest.raises(Glare) as caught:
            in_state(state).received_offer(retry_after=7)
        assert caught.value.headers == headers
        assert str(caught.value.status) in str(caught.value)


def test_an_offer_may_only_be_sent_while_none_is_open():
    assert [in_state(state).may_offer for state in OfferState] == [True, True, False, False]


def test_invites_exclude_each_other_even_without_an_offer():
    negotiation = OfferAnswer()
    negotiation.sent_invite()
    with pytest.raises(Glare) as caught:
        negotiation.received_invite()
    assert caught.value.status == 491
    with pytest.raises(OutOfTurn):
        negotiation.sent_invite()
    assert (negotiation.may_invite, negotiation.may_offer) == (False, True)
    negotiation.invite_ended()
    negotiation.received_invite()
    with pytest.raises(Glare) as caught:
        negotiation.received_invite(retry_after=3)
    assert (caught.value.status, caught.value.retry_after) == (500, 3)
    with pytest.raises(OutOfTurn):
        negotiation.sent_invite()
    negotiation.invite_ended()
    assert negotiation.may_invite


def test_an_invite_waits_for_an_offer_that_is_open():
    assert not in_state(LOCAL).may_invite
    assert not in_state(REMOTE).may_invite


def test_the_pause_after_glare_is_longer_for_the_owner_of_the_call_id():
    nearly_one = 1 - 2**-53
    assert (glare_pause(lambda: 0.0, initiator=True), glare_pause(lambda: nearly_one, initiator=True)) == (
        2.1,
        4.0,
    )
    assert (glare_pause(lambda: 0.0, initiator=False), glare_pause(lambda: nearly_one, initiator=False)) == (
        0.0,
        2.0,
    )


@given(st.floats(0, 1, exclude_max=True), st.booleans())
def test_the_pause_goes_in_steps_of_ten_milliseconds(number, initiator):
    pause = glare_pause(lambda: number, initiator=initiator)
    assert round(pause * 100) == pytest.approx(pause * 100, abs=1e-9)


@given(st.lists(st.sampled_from([*MOVES, "sent_invite", "received_invite", "invite_ended"]), max_size=40))
def test_no_order_of_events_raises_anything_else_or_opens_two_offers(moves):
    ours, theirs = OfferAnswer(), OfferAnswer()
    mirror = {
        "sent_offer": "received_offer", "received_offer": "sent_offer", "sent_answer": "received_answer",
        "received_answer": "sent_answer", "sent_invite": "received_invite", "received_invite": "sent_invite",
    }  # fmt: skip
    for move in moves:
        # Each move reaches both sides at once; what one side may not do, the other does not see.
        try:
            if getattr(ours, move)() is False:
                continue
        except (Glare, OutOfTurn):
            continue
        getattr(theirs, mirror.get(move, move))()
        assert {ours.state, theirs.state} in ({IDLE}, {STABLE}, {LOCAL, REMOTE})

"""Keys: each press is told once, whichever of its packets are lost, repeated or late."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.media.dtmf import END_SECONDS, KEYS, Key, KeyReceiver, KeySender


def press(number, began, steps=5):
    """(timestamp, payload, marker) of every packet of a press: updates, then the end three times."""
    made = [
        (began, bytes([number, 10]) + (160 * place).to_bytes(2), place == 1) for place in range(1, steps + 1)
    ]
    return made + [(began, bytes([number, 0x8A]) + (160 * (steps + 1)).to_bytes(2), False)] * 3


def told(items, receiver=None):
    """Feed packets 20 ms apart, and look for lost ends as the server does."""
    receiver = receiver or KeyReceiver()
    found, now = [], 0.0
    for item in [*items, *[None] * 20]:
        now += 0.02
        if item is not None:
            found += receiver.packet(item[0], item[1], now, marker=item[2])
        found += receiver.idle(now)
    return found


@pytest.mark.parametrize("number", range(16))
def test_a_press_is_told_once_with_its_key_and_length(number):
    assert told(press(number, 1000)) == [Key(KEYS[number], 120)]


@pytest.mark.req("V2")
@given(st.integers(0, 15), st.integers(0, 2**32 - 1), st.sets(st.integers(0, 7), max_size=7))
def test_a_press_is_told_once_whatever_is_lost_of_it(number, began, lost):
    """Also when all ends are lost, or everything but one end."""
    kept = [item if place not in lost else None for place, item in enumerate(press(number, began))]
    found = told(kept)
    assert [key.key for key in found] == [KEYS[number]]
    assert found[0].ms <= 120


@given(st.lists(st.integers(0, 15), min_size=1, max_size=12), st.data())
def test_presses_in_a_row_are_each_told_once_in_order(numbers, data):
    items, began = [], data.draw(st.integers(0, 2**32 - 1))
    for number in numbers:
        packets = press(number, began & 0xFFFFFFFF)
        keep = data.draw(st.sets(st.integers(0, len(packets) - 1), min_size=1))
        items += [item for place, item in enumerate(packets) if place in keep]
        began += 1600
    assert [key.key for key in told(items)] == [KEYS[number] for number in numbers]


@given(st.permutations(range(8)))
def test_packets_of_one_press_in_any_order_are_one_press(order):
    packets = press(5, 77)
    assert [key.key for key in told([packets[place] for place in order])] == ["5"]


def test_a_late_packet_of_the_press_before_is_no_new_press():
    one, two = press(1, 1000), press(2, 2600)
    assert [key.key for key in told([*one[:4], *two[:3], one[4], *one[5:], *two[3:]])] == ["1", "2"]


def test_a_press_of_ten_seconds_is_one_press():
    segment = [(0, bytes([3, 10]) + (min(160 * n, 65535)).to_bytes(2), n == 1) for n in range(1, 411)]
    rest = [(65535, bytes([3, 10]) + (160 * n).to_bytes(2), False) for n in range(1, 50)]
    rest += [(65535, bytes([3, 0x8A]) + (8000).to_bytes(2), False)] * 3
    assert told(segment + rest) == [Key("3", (65535 + 8000) // 8)]


def test_the_same_key_twice_is_told_twice():
    assert [key.key for key in told(press(9, 0) + press(9, 3000))] == ["9", "9"]


def test_a_press_is_over_when_nothing_more_comes():
    receiver = KeyReceiver()
    assert receiver.packet(0, bytes([4, 10, 1, 0x40]), 1.0, marker=True) == []
    assert receiver.idle(1.0 + END_SECONDS / 2) == []
    assert receiver.idle(1.0 + END_SECONDS) == [Key("4", 40)]
    assert receiver.idle(2.0) == []
    assert receiver.packet(0, bytes([4, 0x8A, 1, 0x40]), 2.1, marker=False) == []


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.binary(max_size=12), st.booleans()), max_size=60))
def test_any_payload_gives_keys_or_nothing(items):
    for key in told(items):
        assert key.key in KEYS
        assert key.ms >= 0


@given(st.sampled_from(KEYS), st.integers(40, 8000), st.sampled_from([80, 160, 240, 320, 400, 480]))
def test_what_is_sent_is_received_once_as_it_was_pressed(key, ms, samples):
    sender, receiver = KeySender(Key(key, ms)), KeyReceiver()
    found, timestamp, packets = [], 7, 0
    while (made := sender.packet(timestamp, samples)) is not None:
        began, payload, first = made
        assert began == 7
        assert first == (packets == 0)
        found += receiver.packet(began, payload, packets * 0.02, marker=first)
        timestamp += samples
        packets += 1
    assert found == [Key(key, ms)]
    assert packets == -(-ms * 8 // samples) + 2

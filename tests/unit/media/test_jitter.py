"""The jitter buffer: what arrives in time is heard once, in its place, whatever happens around it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringwall.media.g711 import DECODE
from ringwall.media.jitter import MOST_DELAY, MOST_PACKET
from ringwall.media.playout import FRAME, RING
from support.media.line import Line, Sound, codes_of, find

RANDOM = np.random.default_rng(7)
SOUND = codes_of(RANDOM.integers(-9000, 9000, 8000 * 60))
"""A minute in which every piece is different, so that a packet is known where it is heard."""
PTIMES = st.sampled_from([10, 20, 30, 40, 60])
BASES = st.sampled_from([0, 12345, (1 << 31) - 800, (1 << 32) - 1600])


def packets(count, ptime=20, base=0, start=0.0):
    """Each packet: when it is sent in ms, its timestamp, its codes."""
    size = ptime * 8
    return [
        (start + number * ptime, base + number * size, SOUND[number * size : (number + 1) * size])
        for number in range(count)
    ]


def sound(count, ptime=20):
    return DECODE[SOUND[: count * ptime * 8]]


@given(PTIMES, BASES, st.lists(st.floats(0, 14), min_size=20, max_size=20))
def test_packets_that_come_within_15_ms_are_all_heard_once_in_order(ptime, base, delays):
    line = Line()
    sent = packets(20, ptime, base)
    line.run(
        [(at + delay, ts, codes) for (at, ts, codes), delay in zip(sent, delays, strict=True)],
        20 * ptime + 200,
    )
    assert len(find(sound(20, ptime), line.played)) == 1
    assert line.buffer.late == 0


@given(st.integers(0, 30), st.sampled_from([20, 40, 60]))
def test_the_delay_is_between_20_and_45_ms_at_first(start, ptime):
    line = Line()
    line.run(packets(10, ptime, start=start), 10 * ptime + 200)
    (at,) = find(sound(10, ptime), line.played)
    # A sample at the place `at` is sent out with the tick before it.
    tick = at // FRAME * 20
    assert 20 <= tick - start <= 45


@given(BASES, st.sets(st.integers(1, 48), max_size=15))
def test_a_lost_packet_moves_none_of_the_others(base, lost):
    line = Line()
    line.run([p for number, p in enumerate(packets(50, base=base)) if number not in lost], 1300)
    heard = line.played
    (at,) = find(sound(1), heard)
    for number in set(range(50)) - lost:
        # The first samples after a gap are blended with what was made up.
        part = DECODE[SOUND[number * 160 + 32 : (number + 1) * 160]]
        assert np.array_equal(heard[at + number * 160 + 32 : at + (number + 1) * 160], part)
    # Beside them the end of the sound is led out, as every gap is.
    assert line.concealed >= len(lost) * 32


@given(st.lists(st.integers(0, 49), min_size=1, max_size=30))
def test_packets_that_come_twice_are_heard_once(again):
    line = Line()
    sent = packets(50)
    line.run(sent + [(sent[n][0] + 7, *sent[n][1:]) for n in again], 1300)
    assert len(find(sound(50), line.played)) == 1
    assert line.buffer.late == 0


@given(BASES, st.sets(st.integers(2, 28)))
def test_packets_that_overtake_each_other_are_put_in_order(base, swapped):
    line = Line()
    sent = packets(60, 10, base)
    arrivals = []
    for pair in range(30):
        one, other = sent[2 * pair], sent[2 * pair + 1]
        arrivals += [(other[0], *other[1:]), (other[0], *one[1:])] if pair in swapped else [one, other]
    line.run(arrivals, 1000)
    assert len(find(sound(60, 10), line.played)) == 1


@given(st.lists(st.tuples(st.integers(3, 40), st.integers(60, 3000)), min_size=1, max_size=8), BASES)
@settings(deadline=None)
def test_after_a_pause_nothing_is_lost(spurts, base):
    """Senders that stop in silence (VAD): timestamps go on, sequence numbers do not."""
    line = Line()
    arrivals, at, number = [], 0, 0
    heard = []
    for count, pause in spurts:
        for _ in range(count):
            if (number + 1) * 160 > len(SOUND):
                break
            arrivals.append((at, base + at * 8, SOUND[number * 160 : (number + 1) * 160]))
            heard.append(number)
            number += 1
            at += 20
        at += pause // 20 * 20
    line.run(arrivals, at + 400)
    played, place = Sound(line.played), 0
    for first in heard:
        found = played.find(DECODE[SOUND[first * 160 + 32 : (first + 1) * 160]], place)
        assert found is not None, f"packet {first} was not heard"
        place = found
    assert line.buffer.late == 0


@pytest.mark.parametrize("ppm", [-200, 200, -500, 500])
def test_a_clock_that_runs_wrong_is_followed_without_loss(ppm):
    """Five minutes: at 200 ppm 60 ms, more than the whole delay."""
    line = Line()
    count = 15_000
    wave = codes_of(8000 * np.sin(2 * np.pi * 300 * np.arange(count * 160) / 8000))
    line.run(
        [
            (n * 20 * (1 - ppm / 1e6) + (n * 7919 % 11), n * 160, wave[n * 160 : n * 160 + 160])
            for n in range(count)
        ],
        int(count * 20 * (1 - ppm / 1e6)),
    )
    assert line.buffer.late == 0
    assert line.concealed == 0
    assert line.buffer.slips > 2
    # What waits at the end is as little as at the beginning.
    assert line.buffer.top - line.playout.clock < 10 * FRAME
    heard = line.played[2 * FRAME :].astype(int)
    # No click: a sine wave of 300 Hz never moves further than this between two samples.
    assert np.abs(np.diff(heard)).max() < 8000 * 2 * np.pi * 300 / 8000 * 1.35


def test_a_network_that_gets_worse_costs_little_and_one_that_gets_better_shortens_the_delay_again():
    line = Line()
    count = 4000
    jitter = RANDOM.uniform(0, 80, count)
    jitter[:200] = jitter[2000:] = 0
    arrivals = [
        (n * 20 + jitter[n], n * 160, SOUND[n % 3000 * 160 : n % 3000 * 160 + 160]) for n in range(count)
    ]
    line.run(arrivals, count * 20)
    assert line.concealed < 8000 * 1.5  # of 80 s
    assert line.buffer.late < 40
    assert line.buffer.top - line.playout.clock < 5 * FRAME


def test_a_stall_and_the_burst_after_it_are_worked_off():
    line = Line()
    arrivals = [
        (n * 20 if not 100 <= n < 120 else 2400, n * 160, SOUND[n * 160 : n * 160 + 160]) for n in range(2000)
    ]
    line.run(arrivals, 40_000)
    assert line.buffer.top - line.playout.clock < 6 * FRAME
    tail = DECODE[SOUND[1990 * 160 : 1998 * 160]]
    assert len(find(tail[:160], line.played)) == 1


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(-(1 << 33), 1 << 33), st.integers(0, MOST_PACKET + 50)),
        max_size=200,
    )
)
@settings(deadline=None)
def test_whatever_comes_the_row_is_not_left_and_the_delay_has_a_bound(items):
    line = Line()
    at, arrivals = 0, []
    for wait, timestamp, size in items:
        at += wait
        arrivals.append((at, timestamp, SOUND[:size]))
    line.run(arrivals, at + 1200)
    assert line.buffer.top - line.playout.clock <= RING
    # All is quiet in the end, whatever was written.
    assert not line.frames[-1].any()


def test_time_that_the_server_lost_makes_no_delay_longer():
    line = Line()
    line.run(packets(50), 1000)
    before = line.buffer.top - line.playout.clock
    line.playout.skip(8)
    clock = line.playout.clock
    line.buffer.skip(clock)
    # All that waited in the socket meanwhile is read at once.
    for _, timestamp, codes in packets(58)[50:]:
        line.buffer.packet(timestamp, codes, clock, clock)
    for number in range(58, 120):
        clock = line.playout.clock
        line.buffer.packet(number * 160, SOUND[number * 160 : number * 160 + 160], clock, clock)
        line.playout.tick(1)
    assert line.buffer.late == 0
    assert abs(line.buffer.top - line.playout.clock - before) <= FRAME


def test_a_new_source_begins_anew():
    line = Line()
    arrivals = packets(20)
    line.run(arrivals, 400)
    line.buffer.restart()
    clock = line.playout.clock
    line.buffer.packet(99, SOUND[8000:8160], clock, clock - 40)
    assert 0 <= line.buffer.top - FRAME - clock <= MOST_DELAY

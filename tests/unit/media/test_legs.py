"""A leg: whom it hears, what it keeps when it is connected again, and that one stray packet moves nothing."""

import itertools
import secrets
import select
import socket

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pylibsrtp import Policy, Session

from ringwall.media import rtcp, rtp
from ringwall.media.jitter import JitterBuffer
from ringwall.media.legs import Leg, Peer
from ringwall.media.playout import Playout
from ringwall.media.srtp import SUITES

SUITE = SUITES["AES_CM_128_HMAC_SHA1_80"]


class Relay:
    """The other end: a socket, keys, and the leg that leads to it."""

    def __init__(self, suite=SUITE):
        self.suite = suite
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(2)
        used = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        used.bind(("127.0.0.1", 0))
        self.playout = Playout(2)
        self.leg = Leg("a", 0, used, JitterBuffer(self.playout.row(0)), 0)
        self.to, self.back = (secrets.token_bytes(suite.key_bytes) for _ in "ab")
        self.seconds = 1000.0
        self.sequence = 0

    def peer(self, **changes):
        values = {
            "host": "127.0.0.1", "port": self.socket.getsockname()[1], "suite": self.suite, "send_key": self.back,
            "receive_key": self.to, "payload": 0, "dtmf": 101, "ptime": 20,
        }  # fmt: skip
        return Peer(**values | changes)

    def sessions(self):
        profile = self.suite.profile
        return (
            Session(Policy(key=self.to, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile)),
            Session(Policy(key=self.back, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile)),
        )

    def give(self, data):
        """Hand a datagram to the leg, one tick after the other."""
        self.seconds += 0.02
        clock = self.playout.clock
        found = self.leg.receive(data, clock, clock, self.seconds)
        self.playout.tick(1)
        return found

    def close(self):
        self.socket.close()
        self.leg.socket.close()


@pytest.fixture
def relay():
    made = Relay()
    made.leg.connect(made.peer())
    yield made
    made.close()


def waits(used, what):
    """Wait until something comes to a socket; the limit only ends a test that has failed."""
    poll = select.poll()
    poll.register(used, what)
    return poll.poll(5000)


def packet(sequence, ssrc=7, kind=0, timestamp=None, payload=b"\x55" * 160):
    return (
        rtp.HEAD.pack(0x80, kind, sequence, sequence * 160 if timestamp is None else timestamp, ssrc)
        + payload
    )


def test_before_it_is_connected_nothing_is_heard_or_sent():
    relay = Relay()
    assert relay.leg.receive(bytes(200), 0, 0, 0.0) == []
    relay.leg.report(1.0)
    assert relay.leg.heard is None
    relay.close()


@pytest.mark.req("T5")
def test_what_waited_in_the_socket_before_it_was_connected_is_thrown_away():
    relay = Relay()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for _ in range(5):
            stranger.sendto(bytes(200), relay.leg.socket.getsockname())
    assert waits(relay.leg.socket, select.POLLIN)
    relay.leg.connect(relay.peer())
    with pytest.raises(BlockingIOError):
        relay.leg.socket.recv(100)
    relay.close()


@pytest.mark.req("T1", "T5")
@pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
def test_packets_are_protected_and_numbered_one_after_the_other(suite):
    relay = Relay(suite)
    relay.leg.connect(relay.peer())
    _, inbound = relay.sessions()
    seen = []
    for number in range(3):
        relay.leg.send(bytes([number]) * 160)
        wire = relay.socket.recv(2000)
        assert bytes([number]) * 16 not in wire[12:]
        seen.append(rtp.parse(inbound.unprotect(wire)))
    kinds, markers, sequences, timestamps, sources, payloads = zip(*seen, strict=True)
    assert set(kinds) == {0}
    assert markers == (True, False, False)
    assert [(later - first) & 0xFFFF for first, later in itertools.pairwise(sequences)] == [
        1,
        1,
    ]
    assert [(later - first) & 0xFFFFFFFF for first, later in itertools.pairwise(timestamps)] == [160, 160]
    assert set(sources) == {relay.leg.ssrc}
    assert payloads[2] == b"\x02" * 160
    relay.close()


@pytest.mark.req("T5")
def test_connecting_again_with_the_same_key_never_repeats_a_sequence_number(relay):
    _, inbound = relay.sessions()
    seen = set()
    for _ in range(3):
        relay.leg.connect(relay.peer())
        relay.leg.send(bytes(160))
        seen.add(rtp.parse(inbound.unprotect(relay.socket.recv(2000)))[2])
    assert len(seen) == 3


def test_a_new_key_of_one_direction_leaves_the_other_as_it_was(relay):
    outbound, _ = relay.sessions()
    relay.give(outbound.protect(packet(1)))
    relay.leg.connect(relay.peer(send_key=secrets.token_bytes(30)))
    relay.give(outbound.protect(packet(2)))
    assert relay.leg.refused == 0
    assert relay.leg.reports.received == 2
    relay.leg.connect(relay.peer(receive_key=secrets.token_bytes(30)))
    relay.give(outbound.protect(packet(3)))
    assert relay.leg.refused == 1


@pytest.mark.req("T5")
@given(st.binary(max_size=300))
@settings(deadline=None)
def test_what_is_not_authentic_is_counted_and_has_no_effect(data):
    relay = Relay()
    relay.leg.connect(relay.peer())
    outbound, _ = relay.sessions()
    good = outbound.protect(packet(1))
    relay.give(good)
    heard = relay.leg.reports.received
    for forged in (data, good, good[:-1] + bytes([good[-1] ^ 1]), good[:12] + data):
        assert relay.give(forged) == []
    assert relay.leg.reports.received == heard
    assert relay.leg.refused + (data == b"") >= 3
    relay.close()


def test_a_new_source_is_heard_when_the_old_one_is_silent_or_after_two_packets_in_a_row(relay):
    outbound, _ = relay.sessions()
    leg = relay.leg

    def give(sequence, ssrc):
        before = leg.reports.received
        relay.give(outbound.protect(packet(sequence, ssrc)))
        return leg.reports.received > before

    assert all(give(number, 1) for number in range(5))
    assert not give(100, 2)  # one stray packet
    assert give(5, 1)
    assert not give(200, 2)
    assert give(201, 2)  # it goes on: this is the one now
    assert not give(6, 1)
    assert give(202, 2)
    for _ in range(4):
        relay.playout.tick(1)
    assert give(300, 3)  # the one before has been silent
    assert leg.reports.lost == 0


def test_a_key_that_was_held_when_the_source_changed_is_told(relay):
    outbound, _ = relay.sessions()
    relay.give(outbound.protect(packet(1, 1, kind=101, payload=bytes([5, 10, 3, 32]))))
    for _ in range(4):
        relay.playout.tick(1)
    found = relay.give(outbound.protect(packet(9, 2)))
    assert [key.key for key in found] == ["5"]


@pytest.mark.parametrize("kind", [13, 96, 127, 3])
def test_other_payloads_are_passed_over(relay, kind):
    outbound, _ = relay.sessions()
    assert relay.give(outbound.protect(packet(1, kind=kind))) == []
    assert relay.leg.heard is not None
    assert not relay.playout.tick(1).any()


def test_sequence_and_timestamp_wrap_without_a_break(relay):
    outbound, _ = relay.sessions()
    heard = []
    for number in range(40):
        sequence = (65520 + number) & 0xFFFF
        timestamp = ((1 << 32) - 3200 + number * 160) & 0xFFFFFFFF
        data = outbound.protect(packet(sequence, timestamp=timestamp, payload=bytes([0x20 + number]) * 160))
        relay.leg.receive(data, relay.playout.clock, relay.playout.clock, 1.0)
        heard.append(relay.playout.tick(1)[0].copy())
    assert relay.leg.refused == 0
    assert relay.leg.reports.lost == 0
    values = [int(frame[80]) for frame in heard[3:]]
    assert len(set(values)) == len(values)
    assert np.all(np.concatenate(heard[3:]) != 0)


def test_reports_go_both_ways_protected(relay):
    outbound, inbound = relay.sessions()
    relay.leg.send(bytes(160))
    relay.socket.recv(2000)
    relay.give(outbound.protect(packet(1)))
    relay.leg.report(1000.0, goodbye=True)
    report = rtcp.parse(inbound.unprotect_rtcp(relay.socket.recv(2000)))
    assert report is not None
    assert report.goodbye
    assert report.blocks[0].ssrc == 7
    said = rtcp.Block(relay.leg.ssrc, 0, 4, 9, 160, 0, 0)
    plain = rtcp.compound(7, "x", now=1000.0, sent=None, block=said)
    relay.give(outbound.protect_rtcp(plain))
    assert relay.leg.stats(0, 0)["remote_lost"] == 4
    relay.give(plain + bytes(14))
    assert relay.leg.refused == 1


def test_a_relay_whose_port_is_closed_costs_counters_and_nothing_else(relay):
    relay.socket.close()
    relay.leg.send(bytes(160))
    assert waits(relay.leg.socket, select.POLLERR)  # the port's host has said that it is closed
    for _ in range(4):
        relay.leg.send(bytes(160))
    assert relay.leg.packets_out == 5
    assert relay.leg.send_errors >= 1

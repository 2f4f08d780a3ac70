"""The engine, tick by tick: rooms, packet times, ends of legs and rooms, time that was lost."""

import secrets
import socket

import numpy as np
import pytest
from pylibsrtp import Policy, Session

from ringwall.media import rtp
from ringwall.media.dtmf import Key, KeyReceiver
from ringwall.media.engine import MOST_LEGS, Engine
from ringwall.media.errors import MediaError
from ringwall.media.g711 import decode
from ringwall.media.legs import Peer
from ringwall.media.mixer import matrix
from ringwall.media.players import Player
from ringwall.media.playout import FRAME
from ringwall.media.ports import Ports
from ringwall.media.rooms import Room
from ringwall.media.sound import Loop
from ringwall.media.srtp import SUITES

SUITE = SUITES["AEAD_AES_128_GCM"]


class Far:
    """The far end of a leg: what it is sent, and when."""

    def __init__(self, engine, name, ptime=20, payload=0):
        self.engine = engine
        self.leg = engine.open_leg(name)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(("127.0.0.1", 0))
        mine, theirs = secrets.token_bytes(28), secrets.token_bytes(28)
        port = self.socket.getsockname()[1]
        engine.connect_leg(self.leg, Peer("127.0.0.1", port, SUITE, theirs, mine, payload, 101, ptime))
        self.payload = payload
        self.protect = Session(
            Policy(key=mine, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=SUITE.profile)
        )
        self.unlock = Session(
            Policy(key=theirs, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=SUITE.profile)
        )
        self.sequence = 0
        self.timestamps = []

    def say(self, code):
        head = rtp.HEAD.pack(0x80, 0, self.sequence, self.sequence * FRAME, 9)
        self.sequence += 1
        self.socket.sendto(self.protect.protect(head + bytes([code]) * FRAME), self.leg.socket.getsockname())

    def hear(self):
        """All packets since the last time."""
        found = []
        while True:
            try:
                data = self.socket.recv(2000)
            except BlockingIOError:
                return found
            if rtp.is_rtcp(data):
                continue
            packet = rtp.parse(self.unlock.unprotect(data))
            self.timestamps.append(packet[3])
            found.append(decode(packet[5], self.payload))


class Rig:
    def __init__(self, files):
        self.engine = Engine(Ports("127.0.0.1", 16000, 16999), files, silent_seconds=2)
        self.files = files
        self.events = []
        self.engine.tell = lambda leg, event: self.events.append(event)

    def tick(self, count=1):
        for _ in range(count):
            self.engine.drain(self.engine.playout.clock)
            self.engine.tick()
            self.engine.drain(self.engine.playout.clock - 80)
            if self.engine.steps_between:
                self.engine.step()
            self.engine.housekeeping()


@pytest.fixture
def rig(files):
    made = Rig(files)
    yield made
    made.engine.close()


def room_of(rig, name, *far, hears=None):
    room = Room(name)
    names = [one.leg.name for one in far]
    rig.engine.set_room(room, [one.leg for one in far], matrix(names, hears or {"*": {"*": 1}}))
    return room


def test_each_hears_the_others_and_not_themselves_and_a_leg_in_no_room_hears_nothing(rig):
    a, b, c = (Far(rig.engine, name) for name in "abc")
    room_of(rig, "r", a, b)
    for _ in range(12):
        for one in (a, b, c):
            one.say(0x10)
        rig.tick()
    said = int(decode(b"\x10", 0)[0])
    for one, level in ((a, said), (b, said), (c, 0)):
        heard = one.hear()
        assert len(heard) == 12
        assert (heard[-1] == level).all()


@pytest.mark.parametrize(
    ("ptime", "counts"),
    [(10, 2.0), (20, 1.0), (30, 2 / 3), (40, 0.5), (50, 0.4), (60, 1 / 3)],
)
def test_packets_of_any_time_are_sent_without_a_gap(rig, ptime, counts):
    far = Far(rig.engine, "a", ptime)
    rig.tick(60)
    heard = far.hear()
    assert len(heard) == pytest.approx(60 * counts, abs=1)
    assert {len(sound) for sound in heard} == {ptime * 8}
    steps = {
        (later - first) & 0xFFFFFFFF for first, later in zip(far.timestamps, far.timestamps[1:], strict=False)
    }
    assert steps == {ptime * 8}


def test_the_packet_time_may_change_in_a_call(rig):
    far = Far(rig.engine, "a", 20)
    rig.tick(5)
    peer = far.leg.peer
    for ptime in (30, 20, 60, 10, 20):
        rig.engine.connect_leg(
            far.leg, Peer(*(getattr(peer, name) for name in list(Peer.__slots__)[:-1]), ptime)
        )
        far.hear()
        rig.tick(12)
        assert {len(sound) for sound in far.hear()[1:]} == {ptime * 8}


def player(rig, target, samples, only=None, **choices):
    ended = []

    def done(player, reason):
        rig.engine.players.discard(player)
        ended.append(reason)

    made = Player(
        "p", target, [lambda: Loop(samples, len(samples))], asked=None, only=only, ended=done, **choices
    )
    rig.engine.players.add(made)
    return ended


def test_players_are_heard_by_whom_they_are_for(rig):
    a, b, c = (Far(rig.engine, name) for name in "abc")
    room = room_of(rig, "r", a, b, c)
    sound = np.full(FRAME * 3, 4000, np.int16)
    for target, only, hearers in ((a.leg, None, [a]), (room, None, [a, b, c]), (room, [b.leg], [b])):
        ended = player(rig, target, sound, only)
        rig.tick(5)
        assert ended == ["end"]
        for one in (a, b, c):
            loud = sum(abs(int(sound[80])) > 3000 for sound in one.hear())
            assert loud == (3 if one in hearers else 0)


def test_a_leg_that_ends_takes_its_players_along_and_leaves_its_room(rig):
    a, b = Far(rig.engine, "a"), Far(rig.engine, "b")
    room = room_of(rig, "r", a, b)
    of_leg = player(rig, a.leg, np.zeros(99999, np.int16))
    of_room = player(rig, room, np.zeros(99999, np.int16))
    rig.tick(2)
    assert rig.engine.close_leg(a.leg)["sent"] == 2
    assert of_leg == ["gone"]
    assert of_room == []
    assert room.legs == [b.leg]
    rig.tick(3)
    assert len(b.hear()) == 5
    rig.engine.close_room(room)
    assert of_room == ["gone"]
    rig.tick(2)
    assert b.leg.room is None


def test_a_leg_moves_from_room_to_room_without_being_in_two(rig):
    a, b, c = (Far(rig.engine, name) for name in "abc")
    one, two = room_of(rig, "one", a, b), room_of(rig, "two", c)
    rig.engine.set_room(two, [c.leg, a.leg], matrix("ca", {"*": {"*": 1}}))
    assert one.legs == [b.leg]
    assert one.gains.shape == (1, 1)
    assert a.leg.room is two
    rig.tick(3)


def test_rows_are_used_again_and_nothing_of_the_leg_before_is_heard(rig):
    a, b = Far(rig.engine, "a"), Far(rig.engine, "b")
    for _ in range(6):
        a.say(0x10)
        rig.tick()
    row = a.leg.row
    rig.engine.close_leg(a.leg)
    again = Far(rig.engine, "again")
    assert again.leg.row == row
    room_of(rig, "r", again, b)
    b.hear()
    rig.tick(10)
    assert not np.concatenate(b.hear()).any()


def test_no_more_legs_than_there_are_rows(rig):
    legs = [rig.engine.open_leg(str(number)) for number in range(MOST_LEGS)]
    with pytest.raises(MediaError) as caught:
        rig.engine.open_leg("one more")
    assert caught.value.code == "full"
    rig.tick()
    for leg in legs:
        rig.engine.close_leg(leg)
    assert not rig.engine.legs


def test_time_that_was_lost_is_passed_over_and_timestamps_go_on_with_it(rig):
    far = Far(rig.engine, "a")
    rig.tick(3)
    rig.engine.skip(50)
    rig.tick(3)
    far.hear()
    steps = [
        (later - first) & 0xFFFFFFFF for first, later in zip(far.timestamps, far.timestamps[1:], strict=False)
    ]
    assert steps == [160, 160, 51 * 160, 160, 160]
    assert rig.engine.skipped == 50


def test_silence_is_told_and_told_again_and_its_end(rig):
    far = Far(rig.engine, "a")
    far.say(0xFF)
    rig.tick(101)
    assert [event["seconds"] for event in rig.events] == [2]
    rig.tick(100)
    assert [event["seconds"] for event in rig.events] == [2, 4]
    far.say(0xFF)
    rig.tick(2)
    assert [event["seconds"] for event in rig.events] == [2, 4, 0]


def test_a_player_that_fails_ends_alone(rig):
    a = Far(rig.engine, "a")
    ended = []

    class Broken:
        why, ready = "", True

        def take(self, count):
            raise RuntimeError("broken")

        def close(self):
            pass

    def done(player, reason):
        rig.engine.players.discard(player)
        ended.append(reason)

    rig.engine.players.add(Player("x", a.leg, [Broken], asked=None, ended=done))
    rig.tick(3)
    assert ended == ["failed"]
    assert len(a.hear()) == 3


class Taken:
    """A recorder that keeps what it is given."""

    def __init__(self, target, of=None):
        self.target, self.of = target, of
        self.sounds = []

    def tick(self, sound):
        self.sounds.append(sound.copy())

    def stop(self, _reason):
        pass


def test_a_room_is_recorded_whole_or_by_those_who_are_named(rig):
    a, b, c = (Far(rig.engine, name) for name in "abc")
    # c hears the two, and is heard by nobody.
    room = room_of(rig, "r", a, b, c, hears={"a": {"b": 1}, "b": {"a": 1}, "c": {"a": 1, "b": 1}})
    whole, two, none = Taken(room), Taken(room, frozenset("ab")), Taken(room, frozenset())
    rig.engine.recorders |= {whole, two, none}
    for _ in range(12):
        for one, code in ((a, 0x10), (b, 0x10), (c, 0x20)):
            one.say(code)
        rig.tick()
    loud, soft = (float(decode(bytes([code]), 0)[0]) for code in (0x10, 0x20))
    assert (whole.sounds[-1] == 2 * loud + soft).all()
    assert (two.sounds[-1] == 2 * loud).all()
    assert (none.sounds[-1] == 0).all()
    two.of = frozenset("abc")
    for _ in range(12):
        for one in (a, b, c):
            one.say(0x10)
        rig.tick()
    assert (two.sounds[-1] == 3 * loud).all()
    rig.engine.recorders.clear()


def test_presses_take_the_place_of_sound_and_are_each_heard_once(rig):
    a = Far(rig.engine, "a")
    rig.tick(3)
    assert a.leg.press(Key("5", 160))
    assert a.leg.press(Key("#", 100))
    rig.tick(40)
    receiver, found, numbers, sound = KeyReceiver(), [], [], 0
    while True:
        try:
            data = a.socket.recv(2000)
        except BlockingIOError:
            break
        if rtp.is_rtcp(data):
            continue
        payload_type, marker, sequence, timestamp, _ssrc, payload = rtp.parse(a.unlock.unprotect(data))
        numbers.append(sequence)
        if payload_type == 101:
            found += receiver.packet(timestamp, payload, 0.0, marker=marker)
        else:
            sound += 1
    assert found == [Key("5", 160), Key("#", 100)]
    assert numbers == list(range(numbers[0], numbers[0] + 43))
    assert sound == 43 - 10 - 7


def test_a_leg_whose_peer_knows_no_events_says_none(rig):
    a = Far(rig.engine, "a")
    a.leg.peer = Peer("127.0.0.1", 9, SUITE, bytes(28), bytes(28), 0, None, 20)
    assert not a.leg.press(Key("5", 160))

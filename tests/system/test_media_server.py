"""The media server as a process: real SRTP in and out, and tones that tell who hears whom."""

import os
import socket
import time

import numpy as np
import pytest

from ringwall.infra.sealed import End, Opener
from ringwall.media.g711 import PCMU, decode
from support.media.phone import PROFILES, Phone, level
from support.media.server import Refused, Server, key

ALL = {"*": {"*": 1}}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("media"), silent_seconds=2)
    running.start()
    yield running
    assert running.stop() == 0, running.log.read_text()
    log = running.log.read_text()
    assert '"level":"error"' not in log, log


@pytest.fixture
def client(server, request):
    made = server.client("owner-" + request.node.name[:40].replace("[", "-").replace("]", ""))
    yield made
    if not made.closed:
        made.ask("bye")
        made.close()


@pytest.fixture
def phone(client):
    phones = []

    def make(name, hertz=None, **choices):
        phones.append(Phone(client, name, hertz, **choices))
        return phones[-1]

    yield make
    for one in phones:
        one.close()


@pytest.fixture
def another(tmp_path):
    """A media server of one test's own, ended however the test ends."""
    made = []

    def make(**media):
        made.append(Server(tmp_path, **media))
        return made[-1]

    yield make
    for one in made:
        if one.process is not None:
            one.stop()


def opened(server, name, secret):
    """The sound of a recording, and how its file ends."""
    with (server.layout.recordings / name).open("rb") as file:
        opener = Opener(file, secret)
        return decode(b"".join(opener.chunks()), PCMU), opener.end


def b64(secret):
    from base64 import b64encode

    return b64encode(secret).decode()


@pytest.mark.req("T1")
@pytest.mark.parametrize("suite", PROFILES)
@pytest.mark.parametrize("payload", [0, 8])
def test_every_suite_and_both_laws_are_heard_at_full_level(client, phone, suite, payload):
    a = phone("a", 440, suite=suite, payload=payload)
    b = phone("b", 1000, suite=suite, payload=8 - payload)
    client.ask("room.set", room="r", legs=["a", "b"], hears=ALL)
    a.listen(0.3)
    heard = b.listen()
    assert level(heard, 440) == pytest.approx(8000, rel=0.1)
    assert level(heard, 1000) < 100
    assert level(a.listen(), 1000) == pytest.approx(8000, rel=0.1)
    assert a.unreadable == b.unreadable == 0


@pytest.mark.parametrize("ptime", [10, 20, 30, 40, 50, 60])
def test_any_packet_time_is_heard_and_sent(client, phone, ptime):
    a, b = phone("a", 440, ptime=ptime), phone("b", 1000)
    client.ask("room.set", room="r", legs=["a", "b"], hears=ALL)
    a.listen(0.3)
    assert level(b.listen(), 440) == pytest.approx(8000, rel=0.1)
    assert level(a.listen(), 1000) == pytest.approx(8000, rel=0.1)
    assert set(a.sizes) == {ptime * 8}


@pytest.mark.req("C2")
def test_who_hears_whom_is_what_the_room_says(client, phone):
    """A conference, then a silent monitor, a coach, a barge, and the monitor gone."""
    agent, customer, boss = phone("agent", 440), phone("customer", 700), phone("boss", 1000)
    tones = (440, 700, 1000)

    def heard():
        agent.listen(0.2)
        return [one.hears(*tones) for one in (agent, customer, boss)]

    legs = ["agent", "customer", "boss"]
    client.ask("room.set", room="r", legs=legs, hears=ALL)
    assert heard() == [[False, True, True], [True, False, True], [True, True, False]]
    pair = {"agent": {"customer": 1}, "customer": {"agent": 1}}
    client.ask("room.set", room="r", legs=legs, hears=pair | {"boss": {"*": 1}})
    assert heard() == [[False, True, False], [True, False, False], [True, True, False]]
    client.ask("room.set", room="r", legs=legs, hears=pair | {"agent": {"*": 1}, "boss": {"*": 1}})
    assert heard() == [[False, True, True], [True, False, False], [True, True, False]]
    client.ask("room.set", room="r", legs=legs, hears=ALL)
    assert heard() == [[False, True, True], [True, False, True], [True, True, False]]
    client.ask("room.set", room="other", legs=["boss"], hears=ALL)
    assert heard() == [[False, True, False], [True, False, False], [False, False, False]]
    client.ask("room.close", room="r")
    assert heard() == [[False] * 3] * 3


def test_a_prompt_for_one_leg_is_heard_by_that_leg_alone_and_its_end_is_told(client, phone):
    a, b = phone("a"), phone("b")
    client.ask("room.set", room="r", legs=["a", "b"], hears=ALL)
    a.forget()
    b.forget()
    items = [{"prompt": "vm-youhave"}, {"prompt": "digits/3"}, {"prompt": "vm-messages"}]
    told = client.ask("play", player="p", leg="a", items=items)
    assert client.ask("play", player="p", leg="a", items=items) == told
    event = client.event("played", player="p")
    assert (event["reason"], event["seconds"]) == ("end", pytest.approx(told["seconds"], abs=0.02))
    time.sleep(0.1)
    assert np.abs(np.concatenate(a.heard).astype(int)).max() > 3000
    assert np.abs(np.concatenate(b.heard).astype(int)).max() < 100
    with pytest.raises(Refused, match="no prompt"):
        client.ask("play", player="q", leg="a", items=[{"prompt": "../../../etc/passwd"}])


def test_music_and_tones_for_a_room_are_heard_by_all_or_by_some_until_stopped(client, phone):
    a, b = phone("a"), phone("b")
    client.ask("room.set", room="r", legs=["a", "b"])
    busy = [{"tone": "busy", "country": "US"}]
    assert client.ask("play", player="p", room="r", items=busy, loop=True) == {"seconds": None}
    a.listen(0.2)
    assert [one.hears(480, 620, 1000, seconds=1.0) for one in (a, b)] == [[True, True, False]] * 2
    client.ask("stop", player="p")
    assert client.event("played", player="p")["reason"] == "stopped"
    client.ask("play", player="q", room="r", items=[{"tone": "dial", "country": "FR"}], only=["b"])
    a.listen(0.2)
    assert [one.hears(440, 480) for one in (a, b)] == [[False, False], [True, False]]
    client.ask("room.close", room="r")
    assert client.event("played", player="q")["reason"] == "gone"
    music = client.hello["music"]
    assert len(music) == 5
    client.ask("play", player="m", leg="a", items=[{"prompt": music[0]}], loop=True, gain=0.5)
    assert np.abs(a.listen(3.0).astype(int)).max() > 200


@pytest.mark.req("V2")
@pytest.mark.parametrize("drop", ["", "ends", "starts"])
def test_each_key_is_told_once_also_when_packets_of_it_are_lost(client, phone, drop):
    a = phone("a", 440)
    for number in (5, 11, 5):
        a.press(number, drop=drop)
        time.sleep(0.2)
    told = [client.event("dtmf", leg="a")["key"] for _ in range(3)]
    assert told == ["5", "#", "5"]
    assert not [event for event in client.events if event["event"] == "dtmf"]


@pytest.mark.req("C2", "V2")
def test_a_recording_is_sealed_and_comes_back_as_it_was_said(server, client, phone):
    a, b = phone("a", 440), phone("b", 1000)
    client.ask("room.set", room="r", legs=["a", "b"], hears=ALL)
    a.listen(0.3)
    one, both = os.urandom(32), os.urandom(32)
    client.ask("record", recorder="x", leg="a", recording="of-a", key=b64(one), most=60)
    client.ask(
        "record", recorder="y", room="r", recording="of-r", key=b64(both), most=60,
        tone={"tone": "warning", "every": 1, "only": ["b"]},
    )  # fmt: skip
    assert b.hears(1400, seconds=1.2) == [True]
    assert a.hears(1400, seconds=1.2) == [False]
    client.ask("record.pause", recorder="x")
    paused = client.ask("record.pause", recorder="x")["seconds"]
    time.sleep(0.3)
    assert client.ask("record.resume", recorder="x")["seconds"] == pytest.approx(paused, abs=0.05)
    client.ask("record.stop", recorder="x")
    client.ask("record.stop", recorder="y")
    for name, secret, tones in (("x", one, [True, False]), ("y", both, [True, True])):
        event = client.event("recorded", recorder=name)
        assert event["reason"] == "stopped"
        assert event["voice"] > 1
        sound, end = opened(server, event["recording"], secret)
        assert end is End.COMPLETE
        assert len(sound) == pytest.approx(event["seconds"] * 8000)
        assert [level(sound[:8000], hertz) > 3000 for hertz in (440, 1000)] == tones
        path = server.layout.recordings / event["recording"]
        assert path.stat().st_mode & 0o777 == 0o640
        spectrum = decode(path.read_bytes()[1000:9000], PCMU)
        assert level(spectrum, 440) < 1500  # what is on disk is noise
    client.ask("room.close", room="r")
    client.ask("play", player="p", leg="b", items=[{"recording": "of-a", "key": b64(one), "start": 0.5}])
    assert b.hears(440, 1000) == [True, False]
    with pytest.raises(Refused, match="there already"):
        client.ask("record", recorder="z", leg="a", recording="of-a", key=b64(one), most=60)
    client.ask("stop", player="p")
    read = client.ask("recording.read", recording="of-a", offset=0, length=8)
    assert read["data"] == b64(b"RWSEALED")
    client.ask("recording.remove", recording="of-a")
    assert not (server.layout.recordings / "of-a").exists()


def test_a_recorder_ends_by_itself_after_silence_and_when_its_leg_goes(client, phone):
    a, b = phone("a", 440), phone("b", 700)
    a.listen(0.3)
    for name, silence in (("a", 1), ("b", 0)):
        client.ask(
            "record", recorder=name, leg=name, recording=f"end-{name}", key=key(32), most=60, silence=silence
        )
    time.sleep(0.5)
    a.hertz = None
    b.listen(0.3)
    assert client.event("recorded", recorder="a")["reason"] == "silence"
    client.ask("leg.close", leg="b")
    assert client.event("recorded", recorder="b")["reason"] == "gone"


@pytest.mark.req("V2", "R2")
def test_what_was_recorded_before_a_crash_opens_and_can_be_finished(another):
    running = another()
    running.start()
    client = running.client()
    a = Phone(client, "a", 440)
    a.listen(0.3)
    secret = os.urandom(32)
    client.ask("record", recorder="x", leg="a", recording="message", key=b64(secret), most=60)
    a.listen(3.2)
    running.kill()
    a.close()
    sound, end = opened(running, "message", secret)
    assert end is End.CUT
    assert 2 * 8000 <= len(sound) <= 4 * 8000
    assert level(sound, 440) > 7000
    boot = client.hello["boot"]
    running.start()
    client = running.client()
    assert client.hello["boot"] != boot
    assert client.hello["owned"] == 0
    told = client.ask("recording.finish", recording="message", key=b64(secret))
    assert told == {"seconds": len(sound) / 8000, "end": "cut"}
    assert opened(running, "message", secret)[1] is End.COMPLETE
    with pytest.raises(Refused):
        client.ask("recording.finish", recording="message", key=key(32))
    client.close()
    assert running.stop() == 0


@pytest.mark.req("R1")
def test_a_core_that_comes_back_takes_over_what_it_had_and_hears_what_it_missed(server, phone, client):
    a, b = phone("a", 440), phone("b", 700)
    client.ask("room.set", room="r", legs=["a", "b"], hears=ALL)
    client.ask("play", player="p", leg="a", items=[{"tone": "beep"}])
    before = client.ask("list")
    client.close()
    a.press(7)
    time.sleep(0.5)
    # Calls go on while nobody is there.
    assert b.hears(440) == [True]
    back = server.client(client.owner)
    assert back.hello["owned"] == 2
    assert [leg["leg"] for leg in back.ask("list")["legs"]] == [leg["leg"] for leg in before["legs"]]
    assert back.ask("list")["rooms"] == [{"room": "r", "legs": ["a", "b"]}]
    assert back.event("dtmf")["key"] == "7"
    assert back.event("played")["player"] == "p"
    again = server.client(client.owner)
    back.until_closed()
    assert again.hello["owned"] == 2
    again.ask("bye")
    again.close()


@pytest.mark.req("R1")
def test_what_belongs_to_a_core_that_does_not_renew_ends_with_its_lease(server):
    client = server.client("forgetful", lease=3)
    a = Phone(client, "a", 440)
    secret = os.urandom(32)
    client.ask("record", recorder="x", leg="a", recording="leased", key=b64(secret), most=60)
    assert client.event("leg.ended", leg="a")["why"] == "lease"
    assert client.event("recorded", recorder="x")["reason"] == "lease"
    a.close()
    assert opened(server, "leased", secret)[1] is End.COMPLETE
    # It may begin anew, and that has a lease again.
    client.ask("leg.open", leg="b")
    assert client.event("leg.ended", leg="b")["why"] == "lease"
    client.close()


@pytest.mark.req("T1", "T5")
def test_a_new_key_is_used_at_once_and_the_old_one_opens_nothing(client, phone):
    a, b = phone("a", 440), phone("b", 700)
    client.ask("room.set", room="r", legs=["a", "b"], hears=ALL)
    assert b.hears(440) == [True]
    old = a._protect
    a.rekey()
    a.listen(0.2)
    assert b.hears(440) == [True]
    assert a.hears(700) == [True]
    a.talking.clear()
    refused = client.ask("leg.stats", leg="a")["refused"]
    for number in range(20):
        head = bytes([0x80, 0]) + (60000 + number).to_bytes(2) + bytes(8)
        a.socket.sendto(old.protect(head + bytes(160)), a.server)
    time.sleep(0.1)
    assert client.ask("leg.stats", leg="a")["refused"] == refused + 20
    # The same description again (a session refresh) is no break.
    a.talking.set()
    a.connect()
    a.listen(0.2)
    assert b.hears(440) == [True]


@pytest.mark.req("T5")
def test_strangers_are_not_heard_and_a_leg_leads_to_relays_alone(client, phone):
    a = phone("a", 440)
    b = phone("b")
    client.ask("room.set", room="r", legs=["a", "b"], hears=ALL)
    a.listen(0.3)
    before = client.ask("leg.stats", leg="b")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))
        for _ in range(50):
            stranger.sendto(bytes([0x80, 0]) + bytes(170), b.server)
    time.sleep(0.2)
    assert client.ask("leg.stats", leg="b")["refused"] == before["refused"]
    for host, port in (("192.0.2.7", 30000), ("127.0.0.1", 53), ("127.0.0.2", 30000)):
        with pytest.raises(Refused) as caught:
            b.connect(host=host, port=port)
        assert caught.value.code == "forbidden"
    for wrong in ({"suite": "NULL_HMAC_SHA1_80"}, {"send_key": key(16)}, {"send_key": b.keys[1]}):
        with pytest.raises(Refused) as caught:
            b.connect(**wrong)
        assert caught.value.code == "syntax"


def test_a_bad_network_is_mended(client, phone):
    """Every tenth packet is lost: the tone goes on, softer for a moment at most."""
    a, b = phone("a", 400), phone("b")
    client.ask("room.set", room="r", legs=["a", "b"], hears=ALL)
    a.lose = {number for number in range(a.sequence, a.sequence + 2000) if number % 10 == 0}
    b.listen(0.3)
    sound = b.listen(2.0)
    assert level(sound, 400) > 7000
    pieces = sound[: len(sound) // 160 * 160].reshape(-1, 160).astype(float)
    assert np.sqrt((pieces**2).mean(axis=1)).min() > 8000 / 2**0.5 * 0.5
    stats = client.ask("leg.stats", leg="a")
    assert stats["lost"] > 5
    assert stats["concealed_ms"] > 100


def test_a_leg_that_falls_silent_and_speaks_again_is_told(client, phone):
    a = phone("a", 440)
    a.listen(0.3)
    a.talking.clear()
    assert client.event("silent", leg="a")["seconds"] == 2
    a.talking.set()
    assert client.event("silent", leg="a", seconds=0)


@pytest.mark.req("R2")
def test_reports_are_sent_and_a_leg_says_good_bye(client, phone):
    a = phone("a", 440)
    a.listen(0.3)
    assert client.ask("leg.close", leg="a")["received"] > 5
    time.sleep(0.2)
    assert a.reports >= 1
    assert client.ask("leg.close", leg="a") == {}

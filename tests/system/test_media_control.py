"""The control side of the media server: no client stops the clock, none gets more than its share, cores alone get in by TLS."""

import json
import os
import socket
import ssl
import time
from base64 import b64encode
from contextlib import suppress

import pytest

from ringwall.infra import pki
from ringwall.infra.frames import Kind, encode
from ringwall.infra.ports import is_free
from support.media.phone import Phone, level
from support.media.server import Client, Refused, Server

ALL = {"*": {"*": 1}}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("control"))
    running.start()
    yield running
    assert running.stop() == 0, running.log.read_text()


@pytest.fixture
def pair(server):
    client = server.client("pair")
    phones = [Phone(client, "a", 400), Phone(client, "b")]
    client.ask("room.set", room="r", legs=["a", "b"], hears=ALL)
    phones[1].listen(0.4)
    yield client, phones[1]
    for phone in phones:
        phone.close()
    client.ask("bye")
    client.close()


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


def raw(server):
    made = socket.socket(socket.AF_UNIX)
    made.connect(str(server.layout.media_socket(1)))
    return made


def whole(phone, seconds=1.0):
    """Whether a tone of 400 Hz is heard without a gap: what is made up for lost time is softer, and silence is none."""
    sound = phone.listen(seconds)
    pieces = sound[: len(sound) // 400 * 400].reshape(-1, 400)
    return min(level(piece, 400) for piece in pieces) > 6000


def test_hello_comes_first_and_a_request_that_is_none_costs_an_error(server):
    client = Client(server.layout.media_socket(1))
    for payload, code in ((b'{"op":"renew"}', "hello-first"), (b"{", "syntax"), (b"\xff" * 50, "syntax")):
        with pytest.raises(Refused) as caught:
            client.answer(client.send(payload))
        assert caught.value.code == code
    assert client.ask("hello", owner="x", lease_seconds=3)["most_legs"] == 250
    with pytest.raises(Refused):
        client.ask("hello", owner="y", lease_seconds=3)
    client.close()


def test_what_breaks_the_framing_is_disconnected(server):
    for junk in (
        b"\xff" * 20,
        encode(Kind.REPLY, 1, b"{}"),
        encode(Kind.CALL, 0, b"{}"),
        encode(Kind.NG, 1, b"x"),
    ):
        with raw(server) as client:
            client.sendall(junk)
            client.settimeout(5)
            assert client.recv(100) == b""


def test_a_client_that_floods_or_does_not_read_stops_no_voice(server, pair):
    client, listener = pair
    flood = raw(server)
    flood.setblocking(False)
    request = encode(Kind.CALL, 1, json.dumps({"op": "hello", "owner": "flood", "lease_seconds": 3}).encode())
    big = encode(Kind.CALL, 2, json.dumps({"op": "list", "x": "y" * 100_000}).encode())
    listening, until = encode(Kind.CALL, 3, b'{"op":"list"}'), time.monotonic() + 3
    with suppress(BlockingIOError, BrokenPipeError):
        flood.sendall(request)
    pending = (big + listening * 2000) * 50
    while time.monotonic() < until:
        try:
            pending = pending[flood.send(pending) :] or listening * 1000
        except BlockingIOError:
            time.sleep(0.001)
        except OSError:
            break
    assert whole(listener)
    assert client.ask("renew") == {}
    flood.close()


def test_connections_are_limited_and_idle_ones_without_hello_are_closed(server):
    idle = [raw(server) for _ in range(12)]
    time.sleep(0.3)
    idle[11].settimeout(5)
    assert idle[11].recv(10) == b""
    idle[0].settimeout(10)
    assert idle[0].recv(10) == b""
    for one in idle:
        one.close()
    server.client("after").close()


def test_legs_are_limited_and_every_port_is_given_back(server):
    client = server.client("many")
    names = [f"leg-{number}" for number in range(260)]
    opened, refused = {}, []
    for name in names:
        try:
            opened[name] = client.ask("leg.open", leg=name)["port"]
        except Refused as error:
            refused.append(error.code)
    assert len(opened) == 250
    assert refused == ["full"] * 10
    assert len(set(opened.values())) == 250
    assert all(port % 2 == 0 for port in opened.values())
    assert client.ask("leg.open", leg="leg-0")["port"] == opened["leg-0"]
    client.ask("bye")
    assert client.ask("list") == {"legs": [], "rooms": [], "players": [], "recorders": []}
    again = client.ask("leg.open", leg="new")["port"]
    assert again not in opened.values()
    assert all(is_free("udp", "127.0.0.1", port) for port in opened.values())
    client.ask("bye")
    client.close()


def test_rooms_players_and_names_are_those_of_one_owner(server):
    one, other = server.client("one"), server.client("other")
    one.ask("leg.open", leg="a")
    for op, values in (
        ("room.set", {"room": "r", "legs": ["a"]}),
        ("play", {"player": "p", "leg": "a", "items": [{"tone": "beep"}]}),
        ("leg.stats", {"leg": "a"}),
        ("record.pause", {"recorder": "x"}),
        ("play", {"player": "p", "room": "r", "items": [{"tone": "beep"}]}),
    ):
        with pytest.raises(Refused) as caught:
            other.ask(op, **values)
        assert caught.value.code == "unknown"
    assert one.ask("room.set", room="r", legs=["a"], hears=ALL) == {}
    with pytest.raises(Refused, match="no leg of this room"):
        one.ask("room.set", room="r", legs=["a"], hears={"a": {"stranger": 1}})
    assert one.ask("list")["rooms"] == [{"room": "r", "legs": ["a"]}]
    assert one.ask("stop", player="none") == {}
    assert one.ask("room.close", room="none") == {}
    assert one.ask("record.stop", recorder="none") == {"seconds": 0.0}
    for client in (one, other):
        client.ask("bye")
        client.close()


@pytest.mark.req("R2", "V2")
def test_a_server_that_is_told_to_stop_finishes_its_recordings_and_says_so(another):
    running = another()
    running.start()
    client = running.client()
    a = Phone(client, "a", 440)
    secret = b64encode(os.urandom(32)).decode()
    client.ask("record", recorder="x", leg="a", recording="m", key=secret, most=60)
    a.listen(1.2)
    assert running.stop() == 0
    assert client.event("leg.ended", leg="a")["why"] == "stopping"
    assert client.event("recorded", recorder="x")["reason"] == "gone"
    a.close()
    running.start()
    assert running.client().ask("recording.finish", recording="m", key=secret)["end"] == "complete"
    assert running.stop() == 0


@pytest.mark.req("T4", "T7")
def test_a_core_on_another_host_gets_in_by_its_name_in_tls_13_and_nobody_else(another):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = another(control_port=port)
    for folder in (running.layout.pki, running.layout.haproxy, running.layout.core):
        folder.mkdir(parents=True)
    pki.ensure_pki(running.layout, running.settings, chown=False)
    running.start()
    layout = running.layout

    def context(certificate, secret, alpn="ringwall-media"):
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.load_verify_locations(layout.link_ca)
        made.set_alpn_protocols([alpn])
        if certificate:
            made.load_cert_chain(certificate, secret)
        return made

    def hello(made):
        with (
            socket.create_connection(("127.0.0.1", port), 5) as plain,
            made.wrap_socket(plain, server_hostname="media1.ringwall.internal") as client,
        ):
            client.sendall(encode(Kind.CALL, 1, b'{"op":"hello","owner":"far","lease_seconds":3}'))
            return client.version(), client.recv(4096)

    core = context(layout.link_certificate, layout.link_key)
    version, answer = hello(core)
    assert version == "TLSv1.3"
    assert b'"ok":true' in answer
    old = context(layout.link_certificate, layout.link_key)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    for wrong in (
        context(None, None),  # nobody
        context(layout.inner_pem, layout.inner_pem),  # an edge
        context(layout.media_certificate, layout.media_key),  # another media server
        context(layout.link_certificate, layout.link_key, "ringwall-control"),  # who meant somebody else
        old,
    ):
        try:
            assert hello(wrong)[1] == b""
        except OSError:
            continue
    with socket.create_connection(("127.0.0.1", port), 5) as plain:
        plain.sendall(encode(Kind.CALL, 1, b'{"op":"hello","owner":"far","lease_seconds":3}'))
        with suppress(ConnectionResetError):
            assert b'"ok"' not in plain.recv(4096)
    # A renewed certificate is used by the next connection, without a restart.
    pki.renew(layout, running.settings, chown=False)
    renewed = context(layout.link_certificate, layout.link_key)
    assert b'"ok":true' in hello(renewed)[1]
    assert running.stop() == 0

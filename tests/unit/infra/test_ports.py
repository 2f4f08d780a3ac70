"""Ports: who holds which, and where free ones are."""

import os
import socket

import pytest

from ringwall.infra import listeners, ports
from ringwall.infra.errors import PortTakenError
from ringwall.infra.settings import Settings


@pytest.fixture
def settings():
    return Settings.for_address("127.0.0.1").with_free_ports()


@pytest.fixture
def taken(settings):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", settings.ports.https))
        holder.listen()
        yield settings.ports.https


def test_nothing_is_said_when_all_is_free(settings):
    listeners.require_free(settings)


def test_a_taken_port_is_named_with_its_holder_and_what_to_do(settings, taken):
    with pytest.raises(PortTakenError) as caught:
        listeners.require_free(settings)
    said = str(caught.value)
    assert f"TCP port {taken} (https) is taken by " in said
    assert f"(process {os.getpid()})" in said
    assert "--free-ports" in said


def test_a_udp_port_is_seen_too(settings):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", settings.ports.ng))
        (conflict,) = ports.conflicts(listeners.listeners_of(settings))
    assert conflict.listener.name == "ng"
    assert conflict.holder
    assert str(os.getpid()) in conflict.holder


def test_a_port_of_connections_that_just_ended_counts_as_free():
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
        accepted.close()  # the side that closes first keeps the port in TIME_WAIT
        client.close()
    assert ports.is_free("tcp", "127.0.0.1", port)


def test_the_world_sees_three_ports_and_the_rest_is_on_loopback():
    found = listeners.listeners_of(Settings.for_address("192.0.2.10"))
    world = {"sips", "https", "phones"}
    assert {item.name for item in found if item.address == "192.0.2.10"} == world
    assert {item.address for item in found if item.name not in world} == {"127.0.0.1"}


def test_an_address_of_somebody_else_is_refused():
    ports.require_local("127.0.0.1")
    with pytest.raises(PortTakenError, match=r"192\.0\.2\.10 is not an address of this host"):
        ports.require_local("192.0.2.10")


def test_nobody_holds_a_free_port(settings):
    assert ports.holder_of("tcp", settings.ports.sips) is None


def test_the_primary_address_can_be_listened_on():
    ports.require_local(ports.primary_address())


def test_without_free_ports_there_is_an_error(monkeypatch):
    monkeypatch.setattr(ports, "is_free", lambda *_: False)
    with pytest.raises(PortTakenError, match="No free TCP port"):
        ports.find_free("127.0.0.1")

"""Which addresses and ports are the system's own."""

import ipaddress

from ringwall.core.calls.switch.own_addresses import OwnAddressBook
from ringwall.infra.host_addresses import HostAddresses
from ringwall.infra.settings import Settings

SETTINGS = Settings.for_address("203.0.113.1", domain="voice.example")
NEW = ipaddress.IPv4Address("10.9.8.7")


def test_an_address_that_the_host_gets_later_is_known_after_a_while() -> None:
    now = 0.0
    here = HostAddresses()
    book = OwnAddressBook(SETTINGS, lambda: here, lambda: now)
    assert book.current().is_here(ipaddress.IPv4Address("203.0.113.1"))
    assert not book.current().is_here(NEW)
    here = HostAddresses(frozenset({NEW}))
    assert not book.current().is_here(NEW)
    now = 30.0
    assert book.current().is_here(NEW)


def test_media_servers_and_relays_elsewhere_are_the_systems_own() -> None:
    media = {
        "address": "10.0.0.9",
        "relays": ["10.0.0.8"],
        "control_port": 9100,
        "elsewhere": True,
        "processes": 3,
    }
    settings = Settings.checked({**SETTINGS.model_dump(), "media": media}, "a test")
    own = OwnAddressBook(settings, HostAddresses).current()
    assert all(own.is_here(ipaddress.IPv4Address(host)) for host in ("10.0.0.8", "10.0.0.9", "127.0.0.1"))
    assert own.has_port(9102, 9102)
    assert not own.has_port(9103, 9103)
    assert own.has_port(1, settings.ports.rtp_first)
    assert not own.has_port(50000, 50001)

"""What the kernel's table says of this host's addresses."""

import ipaddress
from pathlib import Path

from ringwall.infra.host_addresses import HostAddresses, host_addresses

TABLE = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 192.0.2.0/24 2 0 2
        +-- 192.0.2.0/30 2 0 2
           |-- 192.0.2.0
              /24 link UNICAST
           |-- 192.0.2.2
              /32 host LOCAL
        |-- 192.0.2.255
           /32 link BROADCAST
Local:
  +-- 10.1.0.0/16 2 0 2
     |-- 10.1.0.1
        /16 link UNICAST
        /32 host LOCAL
     |-- 10.1.255.255
        /32 link BROADCAST
"""


def test_own_addresses_and_broadcasts_are_told_apart(tmp_path: Path) -> None:
    table = tmp_path / "fib_trie"
    table.write_text(TABLE)
    found = host_addresses(table)
    assert found.own == {ipaddress.IPv4Address("192.0.2.2"), ipaddress.IPv4Address("10.1.0.1")}
    assert found.broadcast == {ipaddress.IPv4Address("192.0.2.255"), ipaddress.IPv4Address("10.1.255.255")}


def test_this_host_has_its_loopback_address() -> None:
    assert ipaddress.IPv4Address("127.0.0.1") in host_addresses().own


def test_a_kernel_that_shows_nothing_is_no_error(tmp_path: Path) -> None:
    assert host_addresses(tmp_path / "none") == HostAddresses()

"""A small network for each test: namespaces that the kernel keeps apart, joined by a bridge."""

import os
import secrets
import subprocess
from collections.abc import Iterator

import pytest


class Network:
    """A bridge in a namespace of its own; `host` adds a namespace with an address on it."""

    def __init__(self) -> None:
        self.name = f"rwlab{secrets.token_hex(3)}"
        self._names: list[str] = []
        self._add(self.name)
        self.run(self.name, "ip", "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
        self.run(self.name, "ip", "link", "set", "br0", "up")

    def _add(self, name: str) -> None:
        _do("ip", "netns", "add", name)
        self._names.append(name)
        self.run(name, "ip", "link", "set", "lo", "up")

    def host(self, address: str) -> str:
        """Return the name of a namespace with this address (with its prefix) on the bridge."""
        number = len(self._names)
        name = f"{self.name}h{number}"
        self._add(name)
        inside, outside = "eth0", f"v{number}"
        _do(
            "ip",
            "-n",
            self.name,
            "link",
            "add",
            outside,
            "type",
            "veth",
            "peer",
            "name",
            inside,
            "netns",
            name,
        )
        self.run(self.name, "ip", "link", "set", outside, "master", "br0", "up")
        self.run(name, "ip", "address", "add", address, "dev", inside)
        self.run(name, "ip", "link", "set", inside, "up")
        self.run(name, "ip", "route", "add", "default", "dev", inside)
        return name

    def run(self, name: str, *command: str) -> None:
        """Run a command in a namespace."""
        _do("ip", "netns", "exec", name, *command)

    def close(self) -> None:
        """Remove every namespace, and with them what was in them."""
        for name in reversed(self._names):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def _do(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


@pytest.fixture
def network() -> Iterator[Network]:
    if os.geteuid() != 0:
        pytest.skip("namespaces can only be made by root")
    made = Network()
    try:
        yield made
    finally:
        made.close()

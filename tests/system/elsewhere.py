"""A phone that is on another host: its connection comes out of a network namespace of its own."""

import asyncio
import ctypes
import os
import secrets
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from system.raw_phone import RawPhone
from system.running import Account, System

_CLONE_NEWNET = 0x40000000


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=20)


class OtherHost:
    """A namespace joined to this host by one cable; `address` is its own."""

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self.address = address

    def _socket(self) -> socket.socket:
        """A TCP socket of the namespace: a socket belongs to where the thread was that made it."""
        made: list[socket.socket] = []

        def make() -> None:
            with Path("/run/netns", self.name).open("rb") as there:
                if ctypes.CDLL(None, use_errno=True).setns(there.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            made.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        return made[0]

    async def connect(self, system: System, account: Account) -> RawPhone:
        """A phone there that has signed in."""
        plain = self._socket()
        plain.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plain, (account.server, account.port))
        trust = ssl.create_default_context(cafile=str(system.layout.ca_certificate))
        reader, writer = await asyncio.open_connection(sock=plain, ssl=trust, server_hostname=account.domain)
        phone = RawPhone(account, reader, writer)
        assert (await phone.register()).status == 200
        return phone


@contextmanager
def other_host() -> Iterator[OtherHost]:
    """Make one, and remove it afterwards; the test is skipped where no namespace can be made."""
    name = f"rw{secrets.token_hex(4)}"
    try:
        _ip("netns", "add", name)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("network namespaces cannot be made here")
    network = f"10.213.{os.getpid() % 250}"
    try:
        _ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("address", "add", f"{network}.1/24", "dev", name)
        _ip("link", "set", name, "up")
        _ip("-n", name, "address", "add", f"{network}.2/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-n", name, "link", "set", device, "up")
        _ip("-n", name, "route", "add", "default", "via", f"{network}.1")
        yield OtherHost(name, f"{network}.2")
    finally:
        for command in (("link", "delete", name), ("netns", "delete", name)):
            subprocess.run(["ip", *command], check=False, capture_output=True, timeout=20)

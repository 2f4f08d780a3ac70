"""A phone for tests, and images whose application only talks to the loader."""

import os
from dataclasses import dataclass, replace

import pytest

from ringwall.phone import build
from ringwall.phone.boot import trust, update
from ringwall.phone.boot.errors import RefusedError
from ringwall.phone.boot.fetch import Fetcher
from ringwall.phone.boot.made import Factory, Wish
from ringwall.phone.boot.memory import Memory
from support.depot import Depot

PROBE = b"""
import json, os, pathlib, socket, sys, time
folder = pathlib.Path(sys.argv[sys.argv.index("--folder") + 1])
loader = socket.socket(fileno=int(os.environ["RINGWALL_LOADER_FD"]))
talk = loader.makefile("rw", encoding="utf-8")
hello = json.loads(talk.readline())
(folder / "started").open("a").write(hello["version"] + "\\n")
if BEHAVES == "silent":
    time.sleep(60)
if BEHAVES == "ends":
    raise SystemExit(3)
talk.write('{"op": "up"}\\n'); talk.flush(); talk.readline()
(folder / "up").write_text(hello["version"])
while True:
    wish = folder / "say"
    if wish.exists():
        line = wish.read_text(); wish.unlink()
        talk.write(line + "\\n"); talk.flush()
        if "restart" not in line:
            answer = talk.readline()
            (folder / "new").write_text(answer); (folder / "new").rename(folder / "heard")
    time.sleep(0.02)
"""


def probe(version: str, behaves: str = "well", **how: str) -> bytes:
    """An image whose application only talks to the loader; `behaves` says how."""
    code = f"BEHAVES = {behaves!r}\n".encode() + PROBE
    return build.image_of(version, entry="probe", extra={"probe.py": code}, **how)


def path_of(version: str, model: str = "reference") -> str:
    return f"ringwall/{model}/{version}/{build.FILENAME}"


@dataclass
class Handset:
    """A phone on the desk of a test."""

    memory: Memory
    depot: Depot

    @property
    def made(self) -> Factory:
        return self.memory.factory()

    def wish(self, version: str = "2.0.0", model: str = "reference") -> Wish:
        return Wish(self.depot.url, path_of(version, model))

    def install(self, version: str = "2.0.0", model: str = "reference", **how) -> str | None:
        fetcher = Fetcher(self.depot.ca_file, start_s=2.0, slowest=1 << 30, gap_s=1.0)
        name = update.install(self.memory, self.made, self.wish(version, model), fetcher, **how)
        return name.version if name else None

    def come_up(self) -> str:
        """Start what is next and have it come up; returns its version."""
        slot, state = self.memory.state.next_start()
        assert slot is not None
        self.memory.write(state)
        version = self.running(slot)
        self.memory.write(self.memory.state.came_up(slot, version))
        return version

    def running(self, slot: str | None = None) -> str:
        """The version in a slot (the active one), verified."""
        slot = slot or self.memory.state.active
        made = self.made
        found = trust.open_verified(
            self.memory.slot(slot), made.root, made.vendor, made.model, self.memory.state.floor
        )
        os.close(found.descriptor)
        return found.name.version

    def refuses(self, version: str = "2.0.0", model: str = "reference", **how) -> str:
        """Ask for an update that must not be taken; returns the reason. The phone has what it had."""
        before = self.memory.state
        with pytest.raises(RefusedError) as refused:
            self.install(version, model, **how)
        after = self.memory.state
        assert replace(after, latest=0) == replace(before, latest=0)
        assert Memory(self.memory.folder).state == after
        assert self.running() == "1.0.0"
        return refused.value.reason

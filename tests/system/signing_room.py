"""A signing room for system tests: everything by the commands that people type, against a running system."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from system.running import REPOSITORY, System

PHRASE = "correct horse battery {name}"
PEOPLE = ("anna", "ben", "carla", "dora")
VENDOR_KEY = "yara"


_ROOMS: dict[int, "SigningRoom"] = {}


@dataclass
class SigningRoom:
    """A folder outside of the system's, and the people who sign in it."""

    system: System
    folder: Path

    @classmethod
    def of(cls, system: System, folder: Path) -> "SigningRoom":
        """The one signing room of a system: begun by whoever asks first."""
        if id(system) not in _ROOMS:
            _ROOMS[id(system)] = cls(system, folder)
            _ROOMS[id(system)].begin()
        return _ROOMS[id(system)]

    def run(self, *arguments: str, secrets: Sequence[str] = (), good: bool = True) -> dict[str, Any]:
        """Run `ringwall firmware ARGUMENTS --json`; `secrets` are what is asked for, in order."""
        command = [sys.executable, "-m", "ringwall", "firmware", *arguments, "--json"]
        command += ["--data", str(self.system.layout.data)] if arguments[0] != "build-reference" else []
        reading, writing = os.pipe()
        os.write(writing, "".join(f"{one}\n" for one in secrets).encode())
        os.close(writing)
        if secrets:
            command += ["--passphrase-fd", str(reading)]
        try:
            done = subprocess.run(
                command,
                cwd="/",
                env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
                pass_fds=(reading,),
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        finally:
            os.close(reading)
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}
        assert (done.returncode == 0) is good, done.stdout + done.stderr
        return told

    @property
    def root(self) -> Path:
        """The root that phones are made with."""
        return self.folder / "stick" / "published" / "1.root.json"

    @staticmethod
    def path(version: str) -> str:
        """The path of an image of the reference phone."""
        return f"ringwall/reference/{version}/reference.rwi"

    @property
    def stick(self) -> str:
        return str(self.folder / "stick")

    def begin(self) -> None:
        """The key ceremony of docs/firmware.md."""
        self.run("fetch", self.stick)
        for name in (*PEOPLE, VENDOR_KEY):
            self.run("key", "make", self.stick, name, secrets=[PHRASE.format(name=name)])
        self.run("init", self.stick, "--root", "anna,ben,carla", "--threshold", "2", "--targets", "dora")
        self.run("key", "set", self.stick, "ringwall", "dora")
        self.run("key", "set", self.stick, "ringwall/reference", VENDOR_KEY)
        self.sign()
        self.run("publish", self.stick)

    def sign(self) -> dict[str, Any]:
        """Everybody signs what they may; keys that may sign nothing are not asked for."""
        names = {
            name
            for one in self.run("show", self.stick)["proposed"]
            for name in one["may_sign"]
            if name in {*PEOPLE, VENDOR_KEY}
        }
        return self.run("sign", self.stick, secrets=[PHRASE.format(name=name) for name in sorted(names)])

    def image(self, version: str, content: bytes) -> str:
        """Sign and publish an image of the reference phone; return its path."""
        file = self.folder / f"{version}.rwi"
        file.write_bytes(content)
        path = self.run("add", self.stick, str(file))["image"]
        self.sign()
        self.run("publish", self.stick)
        return str(path)

"""A real system for tests, started and stopped by the product's own commands, and what tests want of it."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ringwall.cli import readiness
from ringwall.cli.client import ask
from ringwall.cli.demo.phones import Credentials
from ringwall.infra import ports
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings
from ringwall.infra.supervise import Supervisor

REPOSITORY = Path(os.environ.get("RINGWALL_REPOSITORY") or Path(__file__).resolve().parents[2])
PROGRAMS = ("rtpengine", "kamailio", "agent", "haproxy", "pnp", "media-1", "core", "certificates")

Account = Credentials


async def until(condition: Callable[[], Any], what: str, seconds: float = 10) -> Any:
    """Wait until a condition gives something true, and return that; the limit only ends a test that has failed."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        await asyncio.sleep(0.05)
    return found


@dataclass
class System:
    """A system on a folder of its own. `told` is what `up --json` said."""

    layout: Layout
    told: dict[str, Any] = field(default_factory=dict)
    _next: int = 2000

    @property
    def settings(self) -> Settings:
        return Settings.load(self.layout)

    # Commands, as a person types them

    def run(self, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run `./ringwall ARGUMENTS --data DIR` by the bootstrap."""
        return _run([str(REPOSITORY / "ringwall"), *arguments, "--data", str(self.layout.data)], timeout)

    def command(self, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run `ringwall ARGUMENTS --data DIR` without the bootstrap, which only takes time."""
        return _run([sys.executable, "-m", "ringwall", *arguments, "--data", str(self.layout.data)], timeout)

    def up(self) -> dict[str, Any]:
        done = self.run("up", "--free-ports", "--detach", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        self.told |= {name: value for name, value in told.items() if value is not None}
        return told

    def up_again(self) -> dict[str, Any]:
        """Start it once more, or anew after it was stopped, and return what that said."""
        self.run("down")
        return self.up()

    def down(self) -> None:
        done = self.run("down")
        assert done.returncode == 0, done.stdout + done.stderr

    # What runs

    def ask(self, operation: str, **arguments: Any) -> Any:
        return ask(self.layout, operation, arguments)

    def pid(self, program: str) -> int:
        found = next((s.pid for s in Supervisor(self.layout).states() if s.name == program), None)
        assert found, f"{program} does not run"
        return found

    def kill(self, program: str) -> int:
        """Kill a program's main process without a warning; return its number."""
        pid = self.pid(program)
        os.kill(pid, signal.SIGKILL)
        return pid

    async def ready(self, seconds: float = 30) -> None:
        """Wait until every program runs, every link is up and every engine answers."""
        end = time.monotonic() + seconds
        while not (health := await asyncio.to_thread(readiness.look, self.layout)).ready:
            if time.monotonic() > end:
                raise TimeoutError(
                    f"not ready: {health.down()}\n{self.log(health.down()[0].split()[0])[-2000:]}"
                )
            await asyncio.sleep(0.1)

    def log(self, program: str) -> str:
        path = self.layout.log / f"{program}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    # People

    def user(self, name: str = "") -> str:
        """Add a user; return the extension."""
        self._next += 1
        extension = str(self._next)
        self.ask("user.add", extension=extension, name=name or f"Test {extension}")
        # Who is busy or does not answer is told so here; voice mail has tests of its own.
        self.ask("voicemail.set", extension=extension, takes_calls=False)
        return extension

    def device(self, extension: str, *, legacy: bool = False) -> Account:
        """Add a device of a user."""
        told = self.ask("device.add", extension=extension, label="test", legacy=legacy)
        return Account.of(self.settings, told)

    def person(self, name: str = "") -> Account:
        """Add a user with one device."""
        return self.device(self.user(name))

    # The ledger

    def seq(self) -> int:
        return int(self.ask("status")["ledger_seq"])

    def records(self, after: int, kind: str | None = None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("ledger.tail", after=after, limit=1000, kind=kind)["records"]
        return found

    async def record(self, after: int, kind: str, **body: Any) -> dict[str, Any]:
        """Wait for a record of a kind whose body has these values; return its body."""

        def find() -> dict[str, Any] | None:
            for record in self.records(after, kind):
                if all(record["body"].get(name) == value for name, value in body.items()):
                    found: dict[str, Any] = record["body"]
                    return found
            return None

        try:
            return await until(find, f"a record {kind} {body}")
        except TimeoutError as error:
            raise TimeoutError(f"{error}; there are {self.records(after)}") from None


def _run(command: list[str], timeout: float) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))
    }
    environment |= {"PYTHONPATH": str(REPOSITORY / "src"), "COLUMNS": "200"}
    return subprocess.run(
        command,
        cwd="/",
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def settings_for_tests(**sip: int | str) -> Settings:
    """Return settings on free ports, with shorter waits for phones that do not answer or do not come back."""
    settings = Settings.for_address(ports.primary_address()).with_free_ports()
    values = settings.model_dump()
    quiet = {"intercept_seconds": 0, "hold_music": ""}
    values["sip"] |= {"ring_seconds": 6, "lost_phone_seconds": 4, **quiet, **sip}
    return Settings.checked(values, "tests")


@contextmanager
def system_in_a_folder(
    prepare: Callable[[Layout], None] = lambda _: None, finish: Callable[[Layout], None] = lambda _: None
) -> Iterator[System]:
    """Start a system; it and its folder are gone afterwards.

    `prepare` gets the empty folder before the start, `finish` what is left of it after the end.
    """
    folder = Path(tempfile.mkdtemp(prefix="rw-system-", dir="/var/tmp"))
    folder.chmod(0o755)
    system = System(Layout.of(folder))
    try:
        settings_for_tests().save(system.layout)
        prepare(system.layout)
        system.up()
        yield system
    finally:
        system.run("down")
        finish(system.layout)
        shutil.rmtree(folder, ignore_errors=True)


def children(pid: int) -> list[int]:
    """Return a process and everything below it."""
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            below.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for each in found:
        found += below.get(each, [])
    return found


def status_field(pid: int, name: str) -> str:
    """Return a field of /proc/PID/status."""
    match = re.search(rf"^{name}:\s*(.*)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert match, name
    return match[1].strip()

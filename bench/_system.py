"""A real system for a benchmark: started in a folder that is thrown away, measured, stopped again.

The system is the one that `ringwall up` starts, with its own users, on free ports of the loopback address.
Its limits are raised, because all phones of a benchmark come from one address.
"""

import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ringwall.cli import starting
from ringwall.cli.client import ask
from ringwall.cli.output import Output
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings
from ringwall.infra.supervise import Supervisor

ADDRESS = "127.0.0.1"
PROGRAMS = ("haproxy", "kamailio", "agent", "core", "rtpengine")
"""The programs whose time is counted, in the order of the tables."""

_ROOM = Path("/var/tmp")
_RTP_PORTS = 6000
_TICKS = 100  # a second, in /proc/PID/stat (proc(5): sysconf(_SC_CLK_TCK), 100 on every Linux in use)


@dataclass(frozen=True, slots=True)
class Line:
    """What one phone signs in with."""

    extension: str
    username: str
    password: str


class System:
    """One running system."""

    def __init__(self, layout: Layout, settings: Settings) -> None:
        self.layout = layout
        self.settings = settings
        self._lines: list[Line] = []

    def ask(self, operation: str, **arguments: Any) -> Any:
        """Ask the core over its control socket."""
        return ask(self.layout, operation, arguments)

    def lines(self, count: int) -> list[dict[str, str]]:
        """Return credentials of `count` phones, each of a user of its own; makes those that are missing."""
        if not self._lines:
            # A new user may have two calls at once; the load's have as many as a user ever may.
            self.ask("cos.telephony.add", cos="Load", max_calls=16)
            self.ask("group.add", group="load", name="Load", telephony="Load")
        for number in range(len(self._lines), count):
            extension = str(2000 + number)
            self.ask("user.add", extension=extension, name=f"Phone {extension}", group="load")
            device = self.ask("device.add", extension=extension, label="benchmark")
            self._lines.append(Line(extension, device["auth_user"], device["password"]))
        return [asdict(line) for line in self._lines[:count]]

    def job(self, phones: int) -> dict[str, Any]:
        """Return what the driver has to know to sign `phones` phones in."""
        return {
            "host": self.settings.address,
            "port": self.settings.ports.sips,
            "domain": self.settings.organisation.domain,
            "ca_file": str(self.layout.ca_certificate),
            "lines": self.lines(phones),
        }

    def processes(self) -> dict[str, list[int]]:
        """Return the process ids of each program with all its workers."""
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError):
                    parent = int(_stat(int(entry.name))[1])
                    children.setdefault(parent, []).append(int(entry.name))
        found = {}
        for state in Supervisor(self.layout).states():
            if state.pid:
                found[state.name] = list(_family(state.pid, children))
        supervisor = Supervisor(self.layout).pid
        if supervisor is not None:
            found["supervisor"] = [supervisor]
        return found

    def cpu(self, programs: Sequence[str] = PROGRAMS) -> dict[str, float]:
        """Return the CPU seconds, user and system, that each program has used since it started."""
        used = {}
        processes = self.processes()
        for name in programs:
            used[name] = sum(sum(map(int, _stat(pid)[11:13])) for pid in processes.get(name, [])) / _TICKS
        return used

    def memory(self) -> dict[str, int]:
        """Return the memory of each program in kB: PSS, so that shared pages count once."""
        return {name: sum(map(_pss, pids)) for name, pids in self.processes().items()}

    def restarts(self) -> dict[str, float]:
        """Return when each program was started; another value later means that it died in between."""
        return {state.name: state.since for state in Supervisor(self.layout).states()}


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the third on: state, parent, ... utime (11), stime (12)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _family(pid: int, children: dict[int, list[int]]) -> Iterator[int]:
    yield pid
    for child in children.get(pid, []):
        yield from _family(child, children)


def _pss(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def _free_rtp() -> int:
    """Return the first of enough media ports in a row; rtpengine skips a few that are taken."""
    taken = [port for port in range(20000, 65000) if not _is_free(port)]
    starts = range(20000, 65000 - _RTP_PORTS, 1000)
    return min(starts, key=lambda first: sum(first <= port < first + _RTP_PORTS for port in taken))


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return False
    return True


def _settings() -> Settings:
    values = Settings.for_address(ADDRESS).with_free_ports().model_dump()
    first = _free_rtp()
    values["ports"] |= {"rtp_first": first, "rtp_last": first + _RTP_PORTS - 1}
    values["limits"] |= {
        "connections_per_source": 5000,
        "handshakes_per_source_10s": 5000,
        "sip_requests_per_source_10s": 100_000,
    }
    values["phones"]["networks"] = ("127.0.0.0/8",)
    return Settings.checked(values, "The benchmark's settings")


@contextmanager
def running(*, quiet: bool = False) -> Iterator[System]:
    """Start a system, give it, and stop and remove it whatever happens."""
    # As Ctrl-C: whoever ends the benchmark must not leave a system behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("The benchmark was ended."))
    folder = Path(tempfile.mkdtemp(prefix="ringwall-bench-", dir=_ROOM))
    folder.chmod(0o755)
    layout = Layout.of(folder)
    output = Output(as_json=quiet)
    try:
        _settings().save(layout)
        settings = starting.prepare(layout, output)
        with starting.locked(layout):
            starting.start(layout, settings, die_with_caller=True, on_step=output.progress)
        try:
            yield System(layout, settings)
        finally:
            Supervisor(layout).stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def say(text: str) -> None:
    """Tell people how far it is; standard output is for the result."""
    sys.stderr.write(f"  {text}\n")
    sys.stderr.flush()

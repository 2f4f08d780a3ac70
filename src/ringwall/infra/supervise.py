"""Starting, watching and stopping the programs of one system with supervisord (W3, R2).

Each program runs under a system user of its own, through setpriv: no new privileges, an empty set of
capabilities but for what its ``Program`` names, a clean environment, and an end when supervisord ends. A
program that dies is started again at once; one that dies before it has run for ``start_seconds`` waits a
second longer after every try.
"""

import os
import resource
import shlex
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from ringwall.infra.accounts import ROOT, USERS
from ringwall.infra.errors import SuperviseError
from ringwall.infra.files import write_atomically
from ringwall.infra.layout import Layout
from ringwall.infra.memory_folder import clear, memory_folder
from ringwall.infra.run import CLEAN_ENVIRONMENT, find_tool

STOP_SECONDS = 40.0
_START_SECONDS = 15.0
_GRACE_SECONDS = 3.0
_TICK = 0.1
OPEN_FILES = 65_536
"""Files that each program may have open: HAProxy needs two for a connection."""
# supervisord closes so many in each child before the program begins, one by one: with tens of thousands a
# start takes a tenth of a second more, in which the child is deaf to signals. The real limit is inherited.
_OWN_FILES = 256
_LOG_BYTES = "10MB"
_LOG_BACKUPS = 5
# Tries before supervisord gives up; its pause grows by a second each time, so this many take about a month.
_TRIES = 2_000
_RPC_ERRORS = (OSError, xmlrpc.client.Error, ValueError)


@dataclass(frozen=True, slots=True)
class Program:
    """One program: who runs it, how, and with what rights.

    ``order`` is the place in the start; programs are stopped the other way round. Times are in seconds.
    """

    name: str
    user: str
    command: tuple[str, ...]
    order: int = 50
    capabilities: tuple[str, ...] = ()
    """Names of Linux capabilities without ``cap_``; kept by a service user, the whole set for root."""
    environment: Mapping[str, str] = field(default_factory=dict)
    start_seconds: int = 3
    stop_seconds: int = 8
    stop_signal: str = "TERM"
    realtime: int = 0
    """Priority of SCHED_FIFO, where this host allows it; 0 is ordinary scheduling."""

    def full_command(self) -> list[str]:
        """Return the command behind setpriv, which takes the rights away."""
        kept = "".join(f",+{name}" for name in self.capabilities)
        switches = ["--no-new-privs", f"--bounding-set=-all{kept}", "--pdeathsig=TERM"]
        if self.user == ROOT:
            switches += ["--inh-caps=-all", "--ambient-caps=-all"]
        else:
            groups = USERS.get(self.user, ())
            switches += [f"--reuid={self.user}", f"--regid={self.user}"]
            switches += [f"--groups={','.join(groups)}" if groups else "--clear-groups"]
            switches += [f"--inh-caps=-all{kept}", f"--ambient-caps=-all{kept}"]
        command = [_tool("setpriv"), *switches, "--", *self.command]
        if self.realtime and may_schedule():
            # Set before the rights are taken away, so that the program needs none for it.
            return [_tool("chrt"), "--fifo", str(self.realtime), *command]
        return command


@dataclass(frozen=True, slots=True)
class ProgramState:
    """How one program is doing, as supervisord sees it."""

    name: str
    state: str
    """running, starting, backoff, stopped, stopping, exited, fatal or unknown."""
    pid: int | None
    since: float
    """Unix time of the last start, or of the last end."""

    @property
    def running(self) -> bool:
        """Say whether there is a process."""
        return self.state in {"running", "starting"}


def may_schedule() -> bool:
    """Say whether this process may give programs real-time scheduling (CAP_SYS_NICE, sched(7))."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    except OSError:
        return False
    return True


def _tool(name: str) -> str:
    found = find_tool(name)
    if found is None:
        raise SuperviseError(f"{name} is missing: install the Debian package util-linux.")
    return str(found)


def render(
    layout: Layout,
    programs: Iterable[Program],
    *,
    python_path: str | None = None,
) -> str:
    """Return supervisord.conf for these programs; ``python_path`` is what they import ringwall from."""
    environment = dict(CLEAN_ENVIRONMENT)
    if python_path:
        environment["PYTHONPATH"] = python_path
    environment |= {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONSAFEPATH": "1"}
    ordered = sorted(programs, key=lambda program: (program.order, program.name))
    sections: list[tuple[str, Mapping[str, object]]] = [
        ("unix_http_server", {"file": layout.supervisord_socket, "chmod": "0600"}),
        ("rpcinterface:supervisor", {"supervisor.rpcinterface_factory": _RPC_FACTORY}),
        (
            "supervisord",
            {
                "logfile": layout.log / "supervisord.log",
                "logfile_maxbytes": _LOG_BYTES,
                "logfile_backups": _LOG_BACKUPS,
                "loglevel": "info",
                "pidfile": layout.supervisord_pid,
                "user": ROOT,
                "nodaemon": "true",
                "silent": "true",
                "umask": "027",
                "minfds": _OWN_FILES,
                "directory": "/",
                "childlogdir": layout.log,
                "identifier": "ringwall",
            },
        ),
    ]
    sections += [(f"program:{program.name}", _program(layout, program, environment)) for program in ordered]
    return "\n".join(_section(title, values) for title, values in sections)


_RPC_FACTORY = "supervisor.rpcinterface:make_main_rpcinterface"


def _program(layout: Layout, program: Program, environment: Mapping[str, str]) -> dict[str, object]:
    pairs = {**environment, **program.environment}
    return {
        "command": shlex.join(program.full_command()),
        "environment": ",".join(f"{name}={_quoted(value)}" for name, value in pairs.items()),
        "directory": "/",
        "priority": program.order,
        "autostart": "true",
        "autorestart": "true",
        "startsecs": program.start_seconds,
        "startretries": _TRIES,
        "stopsignal": program.stop_signal,
        "stopwaitsecs": program.stop_seconds,
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": layout.log / f"{program.name}.log",
        "stdout_logfile_maxbytes": _LOG_BYTES,
        "stdout_logfile_backups": _LOG_BACKUPS,
    }


def _quoted(value: str) -> str:
    if '"' in value or "\n" in value:
        raise SuperviseError(f"An environment value cannot hold quotes or line ends: {value!r}.")
    return f'"{value}"'


def _section(title: str, values: Mapping[str, object]) -> str:
    lines = [f"[{title}]"]
    for name, value in values.items():
        text = str(value)
        if "\n" in text or " ;" in text:
            raise SuperviseError(f"{name} of {title} holds a line end or a comment sign: {text!r}.")
        lines.append(f"{name}={text.replace('%', '%%')}")
    return "\n".join(lines) + "\n"


def possible_files(wanted: int) -> int:
    """Return how many open files supervisord can give its programs: ``wanted``, or what this host allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        try:
            # Root may raise it; a container may forbid that.
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, wanted))
        except (OSError, ValueError):
            return hard
    return wanted


class Supervisor:
    """One system's supervisord, running or not."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    @property
    def pid(self) -> int | None:
        """The process id of this system's supervisord, or None when it does not run."""
        try:
            pid = int(self._layout.supervisord_pid.read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        # The number may belong to somebody else by now.
        return pid if str(self._layout.supervisord_config).encode() in command.split(b"\0") else None

    def start(
        self,
        programs: Sequence[Program],
        *,
        python_path: str | None = None,
        open_files: int = OPEN_FILES,
        die_with_caller: bool = False,
    ) -> "subprocess.Popen[bytes]":
        """Write the configuration and start supervisord in a session of its own; SuperviseError.

        ``die_with_caller`` ends everything when the calling process ends, however it does. Returns when
        supervisord answers; the programs are starting then.
        """
        layout = self._layout
        if self.pid is not None:
            raise SuperviseError(
                f"A system already runs on {layout.data}: `./ringwall down --data {layout.data}` stops it."
            )
        text = render(layout, programs, python_path=python_path)
        write_atomically(layout.supervisord_config, text.encode(), mode=0o600)
        layout.supervisord_socket.unlink(missing_ok=True)
        files = possible_files(open_files)
        # No crash leaves a program's memory, with all keys in it, on the disk.
        command = [_tool("prlimit"), f"--nofile={files}:{files}", "--core=0:0", "--"]
        command += [sys.executable, "-I", "-m"]
        command += ["supervisor.supervisord", "-n", "-c"]
        command.append(str(layout.supervisord_config))
        if die_with_caller:
            command = [_tool("setpriv"), "--pdeathsig=TERM", "--", *command]
        with (layout.log / "supervisord.out").open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and paths
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=CLEAN_ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        until = time.monotonic() + _START_SECONDS
        while not self.answers():
            if process.poll() is not None or time.monotonic() > until:
                if process.poll() is None:
                    process.terminate()
                raise SuperviseError(f"The supervisor did not start: {self._last_words()}")
            time.sleep(_TICK)
        return process

    def _last_words(self) -> str:
        output = self._layout.log / "supervisord.out"
        lines = output.read_text(errors="replace").strip().splitlines() if output.exists() else []
        return lines[-1] if lines else f"look at {self._layout.log}/supervisord.log."

    def answers(self) -> bool:
        """Say whether supervisord answers on its socket."""
        try:
            self._call("getPID")
        except SuperviseError:
            return False
        return True

    def states(self) -> list[ProgramState]:
        """Return the state of every program; SuperviseError when supervisord does not answer."""
        answer = self._call("getAllProcessInfo")
        return [
            ProgramState(
                name=str(info["name"]),
                state=str(info["statename"]).lower(),
                pid=int(info["pid"]) or None,
                since=float(max(info["start"], info["stop"])),
            )
            for info in answer
        ]

    def restart(self, name: str) -> None:
        """Stop and start one program; SuperviseError when it is unknown or does not start."""
        if any(state.name == name and state.running for state in self.states()):
            self._call("stopProcess", name, True)
        self._call("startProcess", name, False)

    def signal(self, name: str, signal_name: str) -> None:
        """Send a signal to one program's main process; SuperviseError when it does not run."""
        self._call("signalProcess", name, signal_name)

    def stop(
        self, *, timeout: float = STOP_SECONDS, on_wait: Callable[[list[str]], None] | None = None
    ) -> bool:
        """Stop every program and supervisord, wait until no process is left; False if nothing ran.

        The programs are stopped in the reverse order of their start, core before edge, so that the core can
        still end its calls. What outlives ``timeout`` seconds is killed; SuperviseError if even that does
        not help. What the system had in memory only is overwritten: its calls are over.
        """
        pid = self.pid
        if pid is None:
            return False
        until = time.monotonic() + timeout
        try:
            order = self._stop_order()
            for names in order:
                for name in names:
                    self._try_call("stopProcess", name, False)
                self._wait_stopped(names, until, on_wait)
            self._call("shutdown")
        except SuperviseError:
            _signal(pid, signal.SIGTERM)
        while self.pid is not None and time.monotonic() < until:
            time.sleep(_TICK)
        _end_session(pid)
        folder = memory_folder(self._layout)
        if folder is not None:
            clear(folder)
        return True

    def _stop_order(self) -> list[list[str]]:
        """Return the names in three steps: what depends on the core, the core, all else at one time."""
        names = [state.name for state in self.states()]
        first = [name for name in names if name == "certificates"]
        core = [name for name in names if name == "core"]
        return [first + core, [name for name in names if name not in {*first, *core}]]

    def _wait_stopped(
        self, names: Sequence[str], until: float, on_wait: Callable[[list[str]], None] | None
    ) -> None:
        while time.monotonic() < until:
            # Each question also wakes supervisord, which then sees the ends of its children at once.
            waiting = [
                s.name for s in self.states() if s.name in names and s.state in {"running", "stopping"}
            ]
            if not waiting:
                return
            if on_wait is not None:
                on_wait(waiting)
            time.sleep(_TICK)

    def _try_call(self, method: str, *arguments: object) -> None:
        try:
            self._call(method, *arguments)
        except SuperviseError:
            return  # it had ended by itself

    def _call(self, method: str, *arguments: object) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._layout.supervisord_socket}")
        try:
            proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
            return getattr(proxy.supervisor, method)(*arguments)
        except xmlrpc.client.Fault as fault:
            raise SuperviseError(f"The supervisor refused {method}: {fault.faultString}.") from None
        except _RPC_ERRORS as error:
            raise SuperviseError(f"The supervisor of {self._layout.data} does not answer: {error}.") from None
        finally:
            transport.close()


def _end_session(session: int) -> None:
    """End what programs left behind, first by asking; SuperviseError if it stays.

    supervisord leads a session and every process below it is in it, also the children of a program that was
    killed and started again since.
    """
    left: list[int] = []
    for number, grace in ((signal.SIGTERM, _GRACE_SECONDS), (signal.SIGKILL, _START_SECONDS)):
        until = time.monotonic() + grace
        for member in _living(session):
            _signal(member, number)
        while (left := _living(session)) and time.monotonic() < until:
            time.sleep(_TICK)
        if not left:
            return
    raise SuperviseError(f"Processes {', '.join(map(str, left))} cannot be ended: look at them with ps.")


def _living(session: int) -> list[int]:
    """Return the processes, zombies left out, of a session."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # comm may hold blanks and brackets: the fields after it start behind the last one (proc(5)).
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] not in {"Z", "X"}:
            found.append(int(entry.name))
    return found


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return

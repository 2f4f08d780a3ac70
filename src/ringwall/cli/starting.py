"""``ringwall up``, step by step: from a bare host to a system that answers."""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ringwall.cli import programs, readiness
from ringwall.cli.output import Output
from ringwall.edge import engines
from ringwall.infra import accounts, host, listeners, packages, pki, ports, wholeness
from ringwall.infra.errors import RingwallError, SuperviseError
from ringwall.infra.layout import Layout
from ringwall.infra.run import CLEAN_ENVIRONMENT, run_tool
from ringwall.infra.settings import Settings
from ringwall.infra.supervise import Program, Supervisor

if TYPE_CHECKING:
    import subprocess

READY_SECONDS = 60.0
_TICK = 0.1
_SETUP_SECONDS = 120.0
PACKAGE_LOG = Path("/var/log/ringwall-packages.log")


@dataclass(frozen=True, slots=True)
class Started:
    """What came of a start: the settings, and the administrator's password if it was made just now."""

    settings: Settings
    administrator: str | None
    password: str | None
    process: "subprocess.Popen[bytes]"
    seconds: float


class StartError(RingwallError):
    """The programs run but do not become ready; the text says which part and why."""

    code = "not-ready"


def prepare(
    layout: Layout, output: Output, *, address: str | None = None, free_ports: bool = False
) -> Settings:
    """Bring packages, users, folders, settings, certificates and configurations into place; RingwallError."""
    host.require_root()
    # System users cannot enter the caller's folder, such as /root, and HAProxy insists on where it began.
    os.chdir("/")
    accounts.check_way_to(layout.data)
    host.require_space(layout.data)
    done = packages.install(packages.RUN_PACKAGES, log=PACKAGE_LOG, progress=output.progress)
    if done:
        output.progress(f"installed {', '.join(done)}")
    made = accounts.ensure_accounts()
    if made:
        output.progress("made the system users")
    accounts.prepare_directories(layout)
    accounts.prepare_memory_folder(layout)
    refuse_running(layout)
    settings = _settings(layout, address=address, free_ports=free_ports)
    ports.require_local(settings.address)
    listeners.require_free(settings)
    require_whole(layout)
    issued = pki.ensure_pki(layout, settings)
    if issued:
        output.progress("made the certificates")
    changed = engines.configure(layout, settings)
    if changed:
        output.progress(f"configured {', '.join(changed)}")
    return settings


def require_whole(layout: Layout) -> None:
    """Raise DataError where a system is there and not all of it; mark a new one as being made."""
    state = wholeness.state(layout)
    if state == wholeness.NEW:
        wholeness.begin(layout)
    elif state == wholeness.MADE:
        wholeness.require(layout)


def install_proof_tools(output: Output) -> None:
    """Install what the tests and the demonstration need beside a running system; PackageError."""
    wanted = (*packages.RUN_PACKAGES, *packages.TEST_PACKAGES)
    packages.install(wanted, log=PACKAGE_LOG, progress=output.progress)


def refuse_running(layout: Layout) -> None:
    """Raise SuperviseError when a system runs on this data directory."""
    if Supervisor(layout).pid is not None:
        raise SuperviseError(
            f"A system already runs on {layout.data}: `./ringwall status --data {layout.data}` shows it, "
            f"`./ringwall down --data {layout.data}` stops it.",
            code="already-running",
        )


def _settings(layout: Layout, *, address: str | None, free_ports: bool) -> Settings:
    """Return the settings: the ones on disk, changed by what the command line says, or new ones; saved."""
    if layout.settings_file.exists():
        old: Settings | None = Settings.load(layout)
        assert old is not None
        settings = old.with_address(address) if address else old
        if free_ports and ports.conflicts(listeners.listeners_of(settings)):
            settings = settings.with_free_ports()
    else:
        old = None
        settings = Settings.for_address(address or ports.primary_address())
        ports.require_local(settings.address)
        if free_ports:
            settings = settings.with_free_ports()
    group = accounts.group_id(accounts.SETTINGS_GROUP)
    if settings != old:
        settings.save(layout, gid=group)
    else:
        os.chown(layout.settings_file, 0, group, follow_symlinks=False)
    return settings


@contextmanager
def locked(layout: Layout) -> Iterator[None]:
    """Keep other commands from starting or stopping this system meanwhile; SuperviseError if one does."""
    descriptor = os.open(layout.lock_file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SuperviseError(
                f"Another command is starting or stopping the system on {layout.data}: wait for it.",
                code="busy",
            ) from None
        yield
    finally:
        os.close(descriptor)


def first_run(layout: Layout) -> tuple[str | None, str | None]:
    """Migrate the database as the core's user and return (administrator, password) of one made just now."""
    command = programs.python_module("ringwall.core.setup", layout)
    program = Program("setup", accounts.CORE, command)
    environment = {**CLEAN_ENVIRONMENT, "PYTHONPATH": python_path(), "PYTHONSAFEPATH": "1"}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    done = run_tool(program.full_command(), timeout=_SETUP_SECONDS, environment=environment)
    try:
        told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        told = {}
    if done.returncode or "created" not in told:
        words = done.stderr.strip().splitlines()
        why = _reason(words[-1]) if words else "no reason given"
        raise StartError(f"The database could not be prepared: {why}.")
    return (told.get("administrator"), told.get("password")) if told["created"] else (None, None)


def _reason(line: str) -> str:
    """Return what a line says: the message of a log line in JSON, or the line."""
    try:
        told = json.loads(line)
        line = str(told.get("message", line)) if isinstance(told, dict) else line
    except ValueError:
        pass
    return line.rstrip(".")


def python_path() -> str:
    """Return the folder from which this very code was imported."""
    return str(Path(__file__).resolve().parents[2])


def start(
    layout: Layout, settings: Settings, *, die_with_caller: bool, on_step: Callable[[str], None]
) -> Started:
    """Start every program and wait until all answer; everything is stopped again when that fails."""
    began = time.monotonic()
    _require_readable(python_path())
    administrator, password = first_run(layout)
    wholeness.finish(layout)
    supervisor = Supervisor(layout)
    try:
        on_step("starting the programs")
        process = supervisor.start(
            programs.programs(layout, settings),
            python_path=python_path(),
            die_with_caller=die_with_caller,
        )
        _wait_ready(layout, process)
    except BaseException as error:
        supervisor.stop()
        if password is not None and isinstance(error, RingwallError):
            # It is stored as a hash only and would be lost.
            raise type(error)(
                f"{error} (The administrator was made before that: {administrator}, password {password}.)"
            ) from error
        raise
    return Started(settings, administrator, password, process, time.monotonic() - began)


def _require_readable(folder: str) -> None:
    """Raise StartError when service users cannot read the code, as in a checkout below /root."""
    for parent in (Path(folder), *Path(folder).parents):
        if not parent.stat().st_mode & 0o001:
            raise StartError(
                f"The system users cannot read {folder}: start it with ./ringwall, which copies the code."
            )


def _wait_ready(layout: Layout, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + READY_SECONDS
    while True:
        health = readiness.look(layout)
        if health.ready:
            return
        if process.poll() is not None:
            raise StartError(f"The supervisor ended: see {layout.log}/supervisord.log.")
        if time.monotonic() > until:
            raise StartError(_why_not_ready(layout, health))
        time.sleep(_TICK)


def _why_not_ready(layout: Layout, health: readiness.Health) -> str:
    down = health.down()
    failing = [program.name for program in health.programs if not program.running]
    words = _reason(readiness.last_words(layout, failing[0])) if failing else ""
    said = f"; {failing[0]} said last: {words}" if words else ""
    return f"Not ready after {READY_SECONDS:.0f} seconds: {'; '.join(down)}{said} (see {layout.log})."

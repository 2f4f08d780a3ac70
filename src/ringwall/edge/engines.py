"""The engines' configurations on disk, and the commands that start them.

A new configuration is made beside the running one, read by the engine's own checker, started for a moment on
ports and sockets that nobody uses, and only then put in place, all three together. When a check fails,
nothing has changed.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography import x509

from ringwall.edge import heads, render
from ringwall.edge.agent.bans import acl_file
from ringwall.infra import accounts, device_pki, pki
from ringwall.infra.errors import RingwallError
from ringwall.infra.files import KEEP, read_limited, write_atomically
from ringwall.infra.layout import Layout
from ringwall.infra.run import CLEAN_ENVIRONMENT, SYSTEM_PATH
from ringwall.infra.settings import TRUNK_SLOTS, Settings

HAPROXY, KAMAILIO, RTPENGINE, AGENT = "haproxy", "kamailio", "rtpengine", "agent"

_LOOPBACK = "127.0.0.1"
_CHECK_SECONDS = 20.0
_START_SECONDS = 10.0
_STOP_SECONDS = 3.0
_POLL_SECONDS = 0.02
_SHARED_MEGABYTES = 512
_PRIVATE_MEGABYTES = 16
_MESSAGE_LINES = 6
_TRIAL_CONNECTIONS = 100
_RUN = Path("/run")
_SYSTEM_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")  # Debian's ca-certificates


class EngineConfigError(RingwallError):
    """An engine does not take its configuration; the one before stays. The text names engine and reason."""

    code = "engine-configuration"


def haproxy_command(layout: Layout) -> list[str]:
    """Return what starts HAProxy: in the foreground, one process."""
    return [_program(HAPROXY), "-db", "-f", str(layout.haproxy_config)]


def kamailio_command(layout: Layout, settings: Settings) -> list[str]:
    """Return what starts Kamailio: in the foreground, with the allocator that costs 40 % less.

    Shared memory holds a read buffer of 16 KiB for each connection, and transactions for a few seconds after
    their end. It is reserved, not used, until it is needed.
    """
    megabytes = max(_SHARED_MEGABYTES, settings.limits.connections * 32 // 1024 + 128)
    return _kamailio(layout.kamailio_config, layout.kamailio_run, megabytes)


def rtpengine_command(layout: Layout) -> list[str]:
    """Return what starts rtpengine; its configuration keeps it in the foreground."""
    return [_program(RTPENGINE), "--config-file", str(layout.rtpengine_config)]


def configure(layout: Layout, settings: Settings, *, chown: bool = True) -> list[str]:
    """Render, check and put in place what differs from before, and return the names of the changed engines.

    Needs the folders and the certificates of the layout. Raises EngineConfigError, with everything as it was,
    when an engine refuses its configuration, PkiError when the link token is missing. ``chown=False`` leaves
    files to the caller's own user: for tests.
    """
    try:
        edge = render.edge_of(layout, settings, pki.read_link_token(layout))
    except render.RenderError as error:
        raise EngineConfigError(f"The edge cannot be configured: {error}") from None
    _ensure_ban_list(layout, chown=chown)
    files = _files(layout, edge, _authorities(layout), device_pki.bundle(layout), chown=chown)
    changed = [file for file in files if not file.is_current()]
    if changed:
        _try(layout, settings, edge, {file.engine for file in changed}, chown=chown)
        _swap(changed)
    return list(dict.fromkeys(file.engine for file in changed))


@dataclass(frozen=True, slots=True)
class _File:
    engine: str
    path: Path
    content: bytes
    gid: int
    uid: int = KEEP
    mode: int = 0o640

    def is_current(self) -> bool:
        """Say whether the file on disk is this one."""
        try:
            return read_limited(self.path) == self.content
        except (OSError, RingwallError):
            return False

    def write(self) -> None:
        """Put it in place, readable to the engine's group, writable to nobody but the owner."""
        write_atomically(self.path, self.content, mode=self.mode, uid=self.uid, gid=self.gid)


def _files(
    layout: Layout, edge: render.Edge, authorities: bytes, phones: bytes, *, chown: bool
) -> list[_File]:
    def file(engine: str, path: Path, text: str, account: str) -> _File:
        return _File(engine, path, text.encode(), accounts.group_id(account) if chown else KEEP)

    inside = read_limited(layout.haproxy_inside_ca).decode()
    agent = (accounts.group_id(accounts.EDGE), accounts.user_id(accounts.EDGE)) if chown else (KEEP, KEEP)
    return [
        file(HAPROXY, layout.trunk_ca, authorities.decode(), accounts.HAPROXY),
        file(HAPROXY, layout.phones_ca, phones.decode(), accounts.HAPROXY),
        *(
            file(HAPROXY, layout.slot_ca(slot), inside, accounts.HAPROXY)
            for slot in range(1, TRUNK_SLOTS + 1)
        ),
        file(HAPROXY, layout.haproxy_config, render.haproxy(edge), accounts.HAPROXY),
        file(KAMAILIO, layout.kamailio_heads, heads.patterns(), accounts.KAMAILIO),
        file(KAMAILIO, layout.kamailio_config, render.kamailio(edge), accounts.KAMAILIO),
        file(RTPENGINE, layout.rtpengine_config, render.rtpengine(edge), accounts.RTPENGINE),
        _File(AGENT, layout.trunk_token, edge.trunk_token.encode(), *agent, mode=0o600),
    ]


def _authorities(layout: Layout) -> bytes:
    """Return whom carriers' certificates may come from: the system's authorities and the owner's own."""
    try:
        found = _SYSTEM_AUTHORITIES.read_bytes()
    except OSError:
        raise EngineConfigError(
            f"{_SYSTEM_AUTHORITIES} cannot be read: install the Debian package ca-certificates."
        ) from None
    try:
        private = read_limited(layout.carriers_ca)
        x509.load_pem_x509_certificates(private)
    except FileNotFoundError:
        return found
    except (OSError, ValueError, RingwallError):
        raise EngineConfigError(
            f"{layout.carriers_ca} must hold the certificates of carriers' authorities, as PEM."
        ) from None
    return found + private


def _swap(files: list[_File]) -> None:
    """Put all files in place; when one fails, those before it go back."""
    before = [(file, read_limited(file.path) if file.path.exists() else None) for file in files]
    done: list[tuple[_File, bytes | None]] = []
    try:
        for file, old in before:
            done.append((file, old))
            file.write()
    except OSError as error:
        for file, old in done:
            with suppress(OSError):
                if old is None:
                    file.path.unlink(missing_ok=True)
                else:
                    replace(file, content=old).write()
        raise EngineConfigError(
            f"The configuration of {done[-1][0].engine} cannot be written: {error.strerror}; nothing changed."
        ) from None


def _ensure_ban_list(layout: Layout, *, chown: bool) -> None:
    """Make the list that HAProxy cannot start without; from then on it is the agent's."""
    path = acl_file(layout)
    if not path.exists():
        uid, gid = KEEP, KEEP
        if chown:
            uid, gid = accounts.user_id(accounts.EDGE), accounts.group_id(accounts.EDGE_SOCKET_GROUP)
        write_atomically(path, b"", mode=0o640, uid=uid, gid=gid)


# The trial.


@dataclass(frozen=True, slots=True)
class _Trial:
    engine: str
    check: list[str] | None
    start: list[str]
    answers: Callable[[], bool]


def _try(layout: Layout, settings: Settings, edge: render.Edge, engines: set[str], *, chown: bool) -> None:
    """Check and start the engines with this configuration, but with other ports and folders."""
    # In memory and with a short name: socket paths have little room, and a key that is copied there leaves no
    # trace.
    where = _RUN if os.access(_RUN, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="ringwall-try-", dir=where))
    try:
        folder.chmod(0o755)
        trials = _prepare(folder, layout, edge, settings.with_free_ports(), chown=chown)
        wanted = [trial for trial in trials if trial.engine in engines]
        for trial in wanted:
            _check(trial)
        _start(wanted, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _prepare(
    folder: Path, layout: Layout, edge: render.Edge, settings: Settings, *, chown: bool
) -> list[_Trial]:
    there = Layout(folder)
    run = there.edge_run
    for path, account, mode in (
        (there.edge, None, 0o755),
        (there.haproxy, accounts.HAPROXY, 0o750),
        (there.kamailio, accounts.KAMAILIO, 0o750),
        (there.kamailio_run, accounts.KAMAILIO, 0o770),
        (there.rtpengine, accounts.RTPENGINE, 0o750),
        (there.agent, None, 0o700),
        (run, accounts.EDGE_SOCKET_GROUP, 0o2770),
    ):
        path.mkdir()
        if chown and account is not None:
            os.chown(path, KEEP, accounts.group_id(account))
        path.chmod(mode)
    trial_edge = render.edge_of(there, settings, edge.link_token)
    # A trial serves nobody: it need not have as many file descriptors as the real one.
    trial_edge = replace(
        trial_edge,
        socket_gid=edge.socket_gid,
        sips_connections=_TRIAL_CONNECTIONS,
        https_connections=_TRIAL_CONNECTIONS,
        fetch_connections=_TRIAL_CONNECTIONS,
    )
    haproxy_gid = accounts.group_id(accounts.HAPROXY) if chown else KEEP
    for name in ("world.pem", "inner.pem", "inside-ca.crt"):
        write_atomically(
            there.haproxy / name, read_limited(layout.haproxy / name), mode=0o640, gid=haproxy_gid
        )
    write_atomically(acl_file(there), b"", mode=0o644)
    for file in _files(there, trial_edge, _authorities(layout), device_pki.bundle(layout), chown=chown):
        file.write()
    kamailio = _kamailio(there.kamailio_config, there.kamailio_run, 64)
    as_user = _as_user if chown and os.geteuid() == 0 else _as_is
    return [
        _Trial(
            HAPROXY,
            as_user(accounts.HAPROXY, [_program(HAPROXY), "-c", "-f", str(there.haproxy_config)]),
            as_user(accounts.HAPROXY, haproxy_command(there)),
            lambda: _unix_answers(there.haproxy_socket),
        ),
        _Trial(
            KAMAILIO,
            as_user(accounts.KAMAILIO, [*kamailio, "-c"]),
            as_user(accounts.KAMAILIO, kamailio),
            lambda: _tcp_answers(settings.ports.kamailio_phones),
        ),
        _Trial(
            RTPENGINE,
            None,
            as_user(accounts.RTPENGINE, rtpengine_command(there)),
            lambda: _ng_answers(settings.ports.ng),
        ),
    ]


def _check(trial: _Trial) -> None:
    if trial.check is None:
        return
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            trial.check,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_CHECK_SECONDS,
            env=CLEAN_ENVIRONMENT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise EngineConfigError(f"The check of {trial.engine}'s configuration did not end.") from None
    if done.returncode:
        raise EngineConfigError(f"{trial.engine} refuses its configuration: {_essence(done.stdout)}")


def _start(trials: list[_Trial], folder: Path) -> None:
    """Start the engines beside one another and wait until each answers."""
    with _running(trials, folder) as processes:
        end = time.monotonic() + _START_SECONDS
        waiting = list(zip(trials, processes, strict=True))
        while waiting:
            for trial, process in waiting:
                if process.poll() is not None:
                    why = _essence(_log(folder, trial).read_text(errors="replace"))
                    raise EngineConfigError(f"{trial.engine} does not start: {why}")
            waiting = [(trial, process) for trial, process in waiting if not trial.answers()]
            if waiting and time.monotonic() > end:
                silent = waiting[0][0]
                why = _essence(_log(folder, silent).read_text(errors="replace"))
                raise EngineConfigError(f"{silent.engine} started, but does not answer: {why}")
            time.sleep(_POLL_SECONDS)


@contextmanager
def _running(trials: list[_Trial], folder: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for trial in trials:
            with _log(folder, trial).open("wb") as log:
                processes.append(
                    subprocess.Popen(  # noqa: S603 - our own command
                        trial.start,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        env=CLEAN_ENVIRONMENT,
                        cwd="/",
                        start_new_session=True,
                    )
                )
        yield processes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                # Kamailio is a family of processes; the session that it was started in is its own.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _log(folder: Path, trial: _Trial) -> Path:
    return folder / f"{trial.engine}.log"


def _essence(text: str) -> str:
    """Return the lines of an engine's output that say what is wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [
        line for line in lines if any(word in line for word in ("ERROR", "CRITICAL", "ALERT", "error"))
    ]
    return " | ".join((telling or lines[-_MESSAGE_LINES:])[:_MESSAGE_LINES]) or "it says nothing"


def _unix_answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
            probe.sendall(b"show info\n")
            return bool(probe.recv(1))
        except OSError:
            return False


def _tcp_answers(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect((_LOOPBACK, port))
            # Any answer will do: it comes from a worker that runs the script.
            probe.sendall(
                b"OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKtry\r\n"
                b"Max-Forwards: 1\r\nFrom: <sip:t@t.invalid>;tag=1\r\nTo: <sip:t@t.invalid>\r\nCall-ID: t\r\n"
                b"CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
            )
            return probe.recv(8).startswith(b"SIP/2.0 ")
        except OSError:
            return False


def _ng_answers(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.2)
        try:
            probe.connect((_LOOPBACK, port))
            probe.send(b"%s d7:command4:pinge" % os.urandom(8).hex().encode())
            return b"pong" in probe.recv(1000)
        except OSError:
            return False


def _kamailio(config: Path, run: Path, megabytes: int) -> list[str]:
    return [
        *(_program(KAMAILIO), "-DD", "-E", "-x", "fm", "-m", str(megabytes), "-M", str(_PRIVATE_MEGABYTES)),
        *("-Y", str(run), "-f", str(config)),
    ]


def _program(name: str) -> str:
    found = shutil.which(name, path=SYSTEM_PATH)
    if found is None:
        raise EngineConfigError(
            f"{name} is not installed: run `./ringwall up`, which installs what is missing."
        )
    return found


def _as_is(account: str, command: list[str]) -> list[str]:  # noqa: ARG001 - the same form as _as_user
    return command


def _as_user(account: str, command: list[str]) -> list[str]:
    """Return the command as its system user, without any capability: the trial's ports are high ones."""
    groups = ",".join(str(accounts.group_id(group)) for group in accounts.USERS[account])
    return [
        *("setpriv", "--reuid", str(accounts.user_id(account)), "--regid", str(accounts.group_id(account))),
        *(("--groups", groups) if groups else ("--clear-groups",)),
        *("--no-new-privs", "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all", "--"),
        *command,
    ]

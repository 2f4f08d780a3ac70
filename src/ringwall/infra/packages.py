"""The Debian packages that a system needs: which are missing or too old, and installing them.

The services that the packages would start by themselves are masked first: Ringwall runs the engines itself,
under its own users and with its own configuration, and a default Kamailio that listens on port 5060 for a
second is one too many. What an owner had installed before is left as it is.
"""

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ringwall.infra.errors import PackageError
from ringwall.infra.run import CLEAN_ENVIRONMENT, find_tool, run_tool

_QUERY_FORMAT = "${Package}\t${db:Status-Status}\t${Version}\n"
_UNITS = Path("/etc/systemd/system")
_UNIT_FOLDERS = (Path("/lib/systemd/system"), Path("/usr/lib/systemd/system"), _UNITS)
_COUNT = re.compile(r"\d+ upgraded, (\d+) newly installed")
_SIZE = re.compile(r"Need to get (?:\S+ \w+/)?(\S+ \w+) of archives")
_STEP = 20
# What an owner may have set for their network; everything else of their environment is kept out.
_KEPT = re.compile(r"(?:https?|ftp|no|all)_proxy$|APT_CONFIG$", re.IGNORECASE)
_INSTALL_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class Package:
    """A Debian package: the least version that is good, what it is for, the units that it would start."""

    name: str
    purpose: str
    least: str = ""
    units: tuple[str, ...] = ()


RUN_PACKAGES = (
    Package("haproxy", "ends TLS at both walls", "2.6.12", ("haproxy.service",)),
    Package("kamailio", "the SIP edge", "5.6.3-2", ("kamailio.service",)),
    Package("kamailio-outbound-modules", "flow tokens of the SIP edge (outbound.so)", "5.6.3-2"),
    Package("kamailio-websocket-modules", "SIP from browsers (websocket.so)", "5.6.3-2"),
    # The security update of bookworm: the version before it lets strangers take over or inject media.
    Package("rtpengine-daemon", "the media relay", "10.5.3.5-1+deb12u1", ("rtpengine-daemon.service",)),
    Package("asterisk-core-sounds-en-wav", "recorded prompts"),
    Package("asterisk-moh-opsound-wav", "music on hold"),
    Package("ca-certificates", "the authorities by which carriers are known"),
    Package("iproute2", "looks at sockets and addresses"),
    Package("util-linux", "takes rights away from programs (setpriv)"),
    Package("openssl", "lets an owner look at certificates"),
)
"""What ``ringwall up`` needs."""

TEST_PACKAGES = (
    Package("tcpdump", "captures for the wiretap tests"),
    Package("sip-tester", "SIPp, for load"),
    Package("linphone-cli", "a phone of another maker, which does what its Via says"),
    Package("softhsm2", "a PKCS#11 module, for keys that sign firmware"),
)
"""What the tests, the demonstration and the benchmarks need beside that."""

BENCH_PACKAGES = (
    Package("gcc", "compiles the load of the media server's benchmark"),
    Package("libc6-dev", "the same"),
    Package("libsrtp2-dev", "SRTP of that load"),
)
"""What `bench media` needs beside that; it installs them itself."""


@dataclass(frozen=True, slots=True)
class PackageState:
    """A package as it is on this host; ``version`` is None when it is not installed."""

    package: Package
    version: str | None
    good: bool


def states(packages: Iterable[Package] = RUN_PACKAGES) -> list[PackageState]:
    """Return what dpkg knows of the packages; PackageError when there is no dpkg."""
    wanted = list(packages)
    try:
        # A package that dpkg never heard of makes its status 1; the others are still printed.
        done = run_tool(["dpkg-query", "-W", "-f", _QUERY_FORMAT, *(package.name for package in wanted)])
    except FileNotFoundError:
        raise PackageError("dpkg-query is missing: Ringwall runs on Debian 12.") from None
    installed = {}
    for line in done.stdout.splitlines():
        name, status, version = line.split("\t")
        if status == "installed":
            installed[name] = version
    return [
        PackageState(package, version, version is not None and is_at_least(version, package.least))
        for package in wanted
        for version in (installed.get(package.name),)
    ]


def is_at_least(version: str, least: str) -> bool:
    """Compare Debian versions, as dpkg does."""
    return not least or run_tool(["dpkg", "--compare-versions", version, "ge", least]).returncode == 0


def missing(packages: Iterable[Package] = RUN_PACKAGES) -> list[PackageState]:
    """Return the packages that are not installed or too old."""
    return [state for state in states(packages) if not state.good]


def install(
    packages: Iterable[Package],
    *,
    log: Path,
    progress: Callable[[str], None] = lambda _step: None,
) -> list[str]:
    """Install what is missing and return its names; PackageError in one sentence when that fails.

    apt is asked only when something is missing. ``progress`` gets short lines; the whole output goes to
    ``log``.
    """
    wanted = missing(packages)
    if not wanted:
        return []
    names = [state.package.name for state in wanted]
    if os.geteuid() != 0:
        raise PackageError(f"Installing {', '.join(names)} needs root: run it as root.")
    for state in wanted:
        if state.version is None:
            for unit in state.package.units:
                mask(unit)
    progress("reading the package lists")
    with log.open("ab") as file:
        file.write(f"== {time.strftime('%Y-%m-%dT%H:%M:%S%z')} install {' '.join(names)}\n".encode())
        # A failed update is no failure yet: the lists that are there may do.
        _apt(["update"], file.fileno(), progress, log, names, needed=False)
        _apt(["install", "--yes", "--no-install-recommends", *names], file.fileno(), progress, log, names)
    still = missing(packages)
    if still:
        raise PackageError(f"{_list(still)}: look at the package sources in /etc/apt and at {log}.")
    return names


def _list(found: list[PackageState]) -> str:
    return "; ".join(
        f"{state.package.name} is {'missing' if state.version is None else f'{state.version}, too old'}"
        + (f" (at least {state.package.least} is needed)" if state.package.least else "")
        for state in found
    )


def _apt(
    arguments: list[str],
    log_descriptor: int,
    progress: Callable[[str], None],
    log: Path,
    names: list[str],
    *,
    needed: bool = True,
) -> None:
    tool = find_tool("apt-get")
    if tool is None:
        raise PackageError("apt-get is missing: Ringwall runs on Debian 12.")
    command = [str(tool), "--quiet=1", "-o", "Dpkg::Use-Pty=0", "-o", "Acquire::Retries=2"]
    command += ["-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::http::Timeout=30"]
    command += ["-o", "Dpkg::Options::=--force-confold", *arguments]
    kept = {name: value for name, value in os.environ.items() if _KEPT.match(name)}
    environment = {**CLEAN_ENVIRONMENT, **kept, "DEBIAN_FRONTEND": "noninteractive", "HOME": "/root"}
    until = time.monotonic() + _INSTALL_SECONDS
    with subprocess.Popen(  # noqa: S603 - apt-get with our own arguments
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        report = _Report(progress)
        for line in process.stdout:
            os.write(log_descriptor, line.encode())
            report.line(line)
            if time.monotonic() > until:
                process.terminate()
    if process.returncode and needed:
        raise PackageError(
            f"The Debian packages {', '.join(names)} could not be installed: check this host's network and "
            f"/etc/apt/sources.list, then run the command again (the whole output is in {log})."
        )


class _Report:
    """Makes a few short lines of the hundreds that apt prints."""

    def __init__(self, progress: Callable[[str], None]) -> None:
        self._progress = progress
        self._total, self._done = 0, 0

    def line(self, line: str) -> None:
        """Take a line of apt."""
        if found := _COUNT.match(line):
            self._total = int(found[1])
        elif found := _SIZE.match(line):
            self._progress(f"fetching {self._total} packages, {found[1]}")
        elif line.startswith("Setting up "):
            self._done += 1
            if self._done % _STEP == 0 or self._done == self._total:
                self._progress(f"installed {self._done} of {self._total}")


def mask(unit: str) -> None:
    """Keep systemd from starting a unit, also where none runs now; a unit that is there is left alone."""
    if any((folder / unit).exists() or (folder / unit).is_symlink() for folder in _UNIT_FOLDERS):
        return
    # The link is all that `systemctl mask` makes; by hand it also works in a chroot or an image that is
    # being built.
    _UNITS.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        (_UNITS / unit).symlink_to("/dev/null")
    if Path("/run/systemd/system").is_dir():
        with suppress(FileNotFoundError, subprocess.TimeoutExpired):
            run_tool(["systemctl", "daemon-reload"])

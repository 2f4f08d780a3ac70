"""``ringwall doctor``: looks at everything that a system stands on and says how to mend what is wrong."""

import stat
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ringwall.cli import ledger_marks as marks
from ringwall.cli import readiness
from ringwall.cli.client import ask
from ringwall.core import wholeness as data
from ringwall.core.firmware import examination as firmware
from ringwall.infra import accounts, host, listeners, packages, pki, ports, wholeness
from ringwall.infra.errors import RingwallError
from ringwall.infra.layout import Layout
from ringwall.infra.memory_folder import memory_folder
from ringwall.infra.settings import Settings
from ringwall.infra.supervise import Supervisor

_MIB = 1024 * 1024
_UP = "./ringwall up"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``mend`` says what to do, or advises where nothing is wrong."""

    subject: str
    ok: bool
    found: str
    mend: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def examine(layout: Layout) -> list[Finding]:
    """Return a finding for each thing, good ones too. Nothing is changed."""
    findings = [*_packages(), *_accounts(), *_disk(layout), *_clock()]
    if not layout.settings_file.exists():
        return [*findings, Finding("system", False, f"there is none in {layout.data}", f"make one: {_UP}")]
    try:
        settings = Settings.load(layout)
    except RingwallError as error:
        return [*findings, Finding("settings", False, str(error), "correct that line in the file")]
    findings.append(Finding("settings", True, f"{layout.settings_file} is valid"))
    looks: tuple[Callable[[], Iterator[Finding]], ...] = (
        lambda: _folders(layout),
        lambda: _secrets(layout),
        lambda: _data(layout),
        lambda: _ledger(layout),
        lambda: _memory(layout),
        lambda: _certificates(layout, settings),
        lambda: _address(settings),
        lambda: _running(layout, settings),
    )
    for look in looks:
        try:
            findings += look()
        except RingwallError as error:  # such as a system user that is missing
            findings.append(Finding("look", False, str(error), f"run {_UP}"))
    return findings


def _packages() -> Iterator[Finding]:
    for state in packages.states():
        name = state.package.name
        if state.good:
            yield Finding(name, True, f"{state.version}: {state.package.purpose}")
        else:
            least = f", {state.package.least} or newer is needed" if state.package.least else ""
            yield Finding(
                name, False, f"{state.version or 'not installed'}{least}", f"run {_UP}, which installs it"
            )


def _accounts() -> Iterator[Finding]:
    missing = accounts.missing_accounts()
    found = f"missing: {', '.join(missing)}" if missing else f"{len(accounts.USERS)} users, no login for any"
    yield Finding("system users", not missing, found, f"run {_UP}, which makes them" if missing else "")


def _disk(layout: Layout) -> Iterator[Finding]:
    for title, path in (("disk of the data", layout.data), ("disk of the code", Path("/opt/ringwall"))):
        free = host.free_bytes(path)
        ok = free >= host.LEAST_FREE_BYTES
        mend = "" if ok else f"make room: {host.LEAST_FREE_BYTES // _MIB} MiB are needed"
        yield Finding(title, ok, f"{free // _MIB} MiB free at {host.existing_parent(path)}", mend)


def _clock() -> Iterator[Finding]:
    clock = host.clock()
    said = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if not clock.sane:
        yield Finding(
            "clock",
            False,
            f"{said} cannot be right",
            "set it: timedatectl set-time, or install systemd-timesyncd",
        )
    elif clock.synchronised is False:
        yield Finding("clock", False, f"{said}, nothing keeps it right", "timedatectl set-ntp true")
    else:
        how = "synchronised" if clock.synchronised else "nobody says whether it is synchronised"
        yield Finding("clock", True, f"{said}, {how}")


def _folders(layout: Layout) -> Iterator[Finding]:
    wrong = accounts.wrong_modes(layout)
    if not wrong:
        yield Finding("folders", True, "owners and modes are right")
    for sentence in wrong:
        yield Finding("folders", False, sentence, f"run {_UP}, which sets it")


def _secrets(layout: Layout) -> Iterator[Finding]:
    """Look at every file that holds a key or a token: who may read it."""
    core, haproxy = accounts.user_id(accounts.CORE), accounts.group_id(accounts.HAPROXY)
    media = accounts.user_id(accounts.MEDIA)
    wanted = [(path, 0, None) for path in (layout.root_key, layout.world_key, layout.inside_key)]
    checks: list[tuple[Path, int, int | None]] = [
        *wanted,
        (layout.world_pem, 0, haproxy),
        (layout.inner_pem, 0, haproxy),
        (layout.media_key, media, None),
        *(
            (path, core, None)
            for path in (
                layout.link_key,
                layout.link_token,
                layout.ledger_key,
                layout.ledger_mark,
                layout.secrets_key,
                layout.mail_password,
                layout.database,
                layout.firmware / "online" / "snapshot.key",
                layout.firmware / "online" / "timestamp.key",
            )
        ),
    ]
    wrong = []
    for path, owner, group in checks:
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue
        open_to = 0o037 if group is not None else 0o077
        foreign_group = group is not None and status.st_gid != group
        if (
            not stat.S_ISREG(status.st_mode)
            or status.st_uid != owner
            or foreign_group
            or status.st_mode & open_to
        ):
            wrong.append(path)
            yield Finding(
                "secrets",
                False,
                f"{path} has the wrong owner or mode {stat.S_IMODE(status.st_mode):04o}",
                f"chmod {'640' if group is not None else '600'} {path}, and see who could read it since",
            )
    if not wrong:
        yield Finding("secrets", True, "keys, token and database are closed to others")
    if layout.root_key.exists():
        yield Finding(
            "root key",
            True,
            f"{layout.root_key} is on this host",
            "it is needed once in five years: move it to a medium that you lock away",
        )
    else:
        yield Finding("root key", True, "offline")


def _memory(layout: Layout) -> Iterator[Finding]:
    """Look at where the keys of live calls are: in memory, and what of the memory may reach a disk."""
    folder = memory_folder(layout)
    if folder is None:
        found = "neither /run nor /dev/shm is in memory: calls that are up end when the core does"
        yield Finding("memory", False, found, "mount -t tmpfs tmpfs /run (a container: --tmpfs /run)")
    else:
        yield Finding("memory", True, f"keys of live calls lie in {folder.parent}, which is on no disk")
    swaps = host.clear_swaps()
    if swaps:
        found = f"{', '.join(swaps)} takes memory to a disk, unencrypted as far as can be seen"
        yield Finding("swap", True, found, "encrypt it or do without (swapoff -a): it may hold keys of calls")


def _data(layout: Layout) -> Iterator[Finding]:
    """Look through the database and for every key, and whether they belong together."""
    mend = f"restore it from a backup, or ./ringwall {wholeness.ANEW}: see docs/operating.md"
    wrong = data.examine(layout)
    wrong += wholeness.faults(wholeness.authority_pieces(layout)) or wholeness.strangers(layout)
    for each in dict.fromkeys(wrong):
        about_key = ".key" in each or "authority" in each or "crt" in each
        yield Finding("keys" if about_key else "database", False, each, mend)
    if not wrong:
        yield Finding("database", True, f"{layout.database} is whole")
        yield Finding("keys", True, "all are there, and belong to the database")
    trouble = firmware.examine(layout) if not wrong else None
    if trouble is not None:
        yield Finding("keys", False, trouble, "restore core/firmware/online: see docs/firmware.md")


def _ledger(layout: Layout) -> Iterator[Finding]:
    """Compare the ledger with the marks that this host keeps, and tell all that was ever found wrong."""
    found = marks.examine(layout)
    for text in found.wrong:
        yield Finding(
            "ledger", False, text, "see docs/ledger.md; ./ringwall ledger verify reads every record"
        )
    for each in found.mismatches:
        told = f"{each['at']}, {each['place']}: {each['text']}"
        if each["acknowledged"] is None:
            mend = "find out why, then ./ringwall ledger acknowledge REASON: see docs/ledger.md"
            yield Finding("ledger", False, told, mend)
        else:
            yield Finding("ledger", True, f"{told} (acknowledged)")
    if not found.wrong and not found.mismatches:
        yield Finding("ledger", True, "it is as long as the marks say that are kept of it")


def _certificates(layout: Layout, settings: Settings) -> Iterator[Finding]:
    now = datetime.now(UTC)
    for state in pki.inspect(layout, settings, now=now):
        title = f"certificate {state.name}"
        if state.problem is not None:
            yield Finding(title, False, f"it {state.problem}", f"./ringwall pki renew (or {_UP})")
            continue
        assert state.not_after is not None
        names = f" for {', '.join(state.names)}" if state.names else ""
        found = f"good{names} until {state.not_after:%Y-%m-%d}"
        if not state.due:
            yield Finding(title, True, found)
        elif state.name in pki.LEAF_NAMES:
            yield Finding(title, False, f"{found}, due for renewal", "./ringwall pki renew")
        else:
            mend = f"put {layout.root_key.name} back into {layout.pki} and run ./ringwall pki renew"
            yield Finding(title, False, f"{found}, due for renewal", mend)


def _address(settings: Settings) -> Iterator[Finding]:
    try:
        ports.require_local(settings.address)
    except RingwallError as error:
        yield Finding("address", False, str(error), f"{_UP} --address ADDR")
    else:
        yield Finding("address", True, f"{settings.address} is an address of this host")


def _real_time(detail: str) -> str:
    """Return the advice for a media server that runs without real-time scheduling."""
    if "without" not in detail:
        return ""
    return "voice may stutter when the host is busy: allow CAP_SYS_NICE (a container: --cap-add SYS_NICE)"


def _running(layout: Layout, settings: Settings) -> Iterator[Finding]:
    if Supervisor(layout).pid is None:
        conflicts = ports.conflicts(listeners.listeners_of(settings))
        for conflict in conflicts:
            mend = "stop that program, or change [ports] in ringwall.toml, or start with --free-ports"
            yield Finding("ports", False, str(conflict), mend)
        if not conflicts:
            yield Finding("ports", True, "all that are needed are free")
        yield Finding("running", True, "no, nothing runs", f"start it: {_UP}")
        return
    silent = [
        listener
        for listener in listeners.listeners_of(settings)
        if ports.is_free(listener.protocol, listener.address, listener.port)
    ]
    for listener in silent:
        found = f"nobody listens on {listener.protocol.upper()} port {listener.port} ({listener.name})"
        yield Finding("ports", False, found, f"see {layout.log}")
    if not silent:
        yield Finding("ports", True, "the engines listen on all of them")
    health = readiness.look(layout)
    for name, (up, detail) in health.parts.items():
        if name.startswith("media-") and up:
            yield Finding(name, True, detail, _real_time(detail))
    mail = (health.core or {}).get("mail") or {}
    if mail.get("server"):
        found = (
            mail["detail"] or f"{mail['server']}, {mail['waiting']} wait, {mail['undelivered']} undelivered"
        )
        mend = "" if mail["ok"] else "see [mail] in ringwall.toml, `./ringwall mail show` and `mail password`"
        yield Finding("mail", bool(mail["ok"]), found, mend)
    for part in health.down():
        yield Finding("running", False, f"not up: {part}", f"see {layout.log}")
    if health.ready:
        yield Finding("running", True, "every program, link and engine is up")
        yield from _firmware(ask(layout, "firmware.list"))


def _firmware(told: dict[str, Any]) -> Iterator[Finding]:
    """Look at what people have to sign in time."""
    if told["trouble"]:
        yield Finding("firmware", False, told["trouble"], "see docs/firmware.md")
    for role, day in told["expiring"].items():
        renewed = "./ringwall firmware fetch, renew, sign and publish FOLDER"
        yield Finding("firmware", False, f"what is signed for {role} expires on {day}", renewed)
    if told["roles"] and not told["trouble"] and not told["expiring"]:
        found = f"{len(told['images'])} images, signed and fresh"
        yield Finding("firmware", True, found)

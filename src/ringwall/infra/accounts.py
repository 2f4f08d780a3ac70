"""System users, one for each program, and who owns what in the data directory (W3).

Everything is done through directory descriptors and never through a link: a service user who owns a folder
could otherwise plant one and have root change a file somewhere else.
"""

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ringwall.infra.errors import AccountError, LayoutError
from ringwall.infra.layout import Layout
from ringwall.infra.memory_folder import memory_folder
from ringwall.infra.run import run_tool

HAPROXY = "ringwall-haproxy"
KAMAILIO = "ringwall-kamailio"
RTPENGINE = "ringwall-rtpengine"
EDGE = "ringwall-edge"
CORE = "ringwall-core"
MEDIA = "ringwall-media"
PNP = "ringwall-pnp"
ROOT = "root"

SETTINGS_GROUP = "ringwall"
"""May read ringwall.toml."""
EDGE_SOCKET_GROUP = "ringwall-edgesock"
"""May reach the sockets between HAProxy and the agent."""

USERS: dict[str, tuple[str, ...]] = {
    HAPROXY: (EDGE_SOCKET_GROUP,),
    KAMAILIO: (),
    RTPENGINE: (),
    EDGE: (SETTINGS_GROUP, EDGE_SOCKET_GROUP),
    CORE: (SETTINGS_GROUP,),
    MEDIA: (SETTINGS_GROUP,),
    PNP: (SETTINGS_GROUP,),
}
"""Each user, with the groups that its programs get beside its own."""

GROUPS = (SETTINGS_GROUP, EDGE_SOCKET_GROUP)

_NO_SHELL = "/usr/sbin/nologin"
_ELSEWHERE = "choose another --data, such as /var/lib/ringwall"


@dataclass(frozen=True, slots=True)
class Directory:
    """What a folder of the layout must be."""

    path: Path
    owner: str
    group: str
    mode: int


def directories(layout: Layout) -> list[Directory]:
    """Return the folders of a system, parents first."""
    return [
        Directory(layout.data, ROOT, ROOT, 0o755),
        Directory(layout.pki, ROOT, ROOT, 0o700),
        Directory(layout.authorities, ROOT, ROOT, 0o755),
        Directory(layout.run, ROOT, ROOT, 0o700),
        Directory(layout.log, ROOT, ROOT, 0o750),
        Directory(layout.edge, ROOT, ROOT, 0o755),
        Directory(layout.haproxy, ROOT, HAPROXY, 0o750),
        Directory(layout.kamailio, ROOT, KAMAILIO, 0o750),
        Directory(layout.kamailio_run, KAMAILIO, KAMAILIO, 0o700),
        Directory(layout.rtpengine, ROOT, RTPENGINE, 0o750),
        Directory(layout.agent, EDGE, EDGE, 0o700),
        # New sockets take the folder's group; the sticky bit keeps each program off the sockets of the other.
        Directory(layout.edge_run, ROOT, EDGE_SOCKET_GROUP, 0o3770),
        Directory(layout.core, CORE, CORE, 0o700),
        Directory(layout.core_run, CORE, CORE, 0o700),
        # The core reads recordings and reaches the sockets: both get its group from their folder.
        Directory(layout.media, MEDIA, CORE, 0o2750),
        Directory(layout.media_run, MEDIA, CORE, 0o2750),
        Directory(layout.recordings, MEDIA, CORE, 0o2750),
    ]


def user_id(name: str) -> int:
    """Return the uid of a user; AccountError if there is none."""
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise AccountError(
            f"The system user {name} is missing: run `./ringwall up` once to make it."
        ) from None


def group_id(name: str) -> int:
    """Return the gid of a group; AccountError if there is none."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise AccountError(
            f"The system group {name} is missing: run `./ringwall up` once to make it."
        ) from None


def missing_accounts() -> list[str]:
    """Return the users and groups that do not exist, and the users that are not in a group that they need."""
    known_users = {entry.pw_name for entry in pwd.getpwall()}
    known_groups = {entry.gr_name: entry.gr_mem for entry in grp.getgrall()}
    found = [name for name in GROUPS if name not in known_groups]
    for name, groups in USERS.items():
        if name not in known_users:
            found.append(name)
        else:
            found += [f"{name} in {group}" for group in groups if name not in known_groups.get(group, ())]
    return found


def ensure_accounts() -> list[str]:
    """Make the users and groups that are missing and return their names; AccountError when that fails.

    They are system accounts without home, password or shell: nobody can log in as one of them.
    """
    missing = missing_accounts()
    if not missing:
        return []
    if os.geteuid() != 0:
        raise AccountError(f"Making the system users ({', '.join(missing)}) needs root: run it as root.")
    for name in GROUPS:
        if name in missing:
            _run("groupadd", "--system", name)
    for name, groups in USERS.items():
        if name in missing:
            _run(
                *("useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"),
                *("--shell", _NO_SHELL, "--comment", "Ringwall", name),
            )
        for group in groups:
            if name in missing or f"{name} in {group}" in missing:
                _run("usermod", "--append", "--groups", group, name)
    return missing


def _run(*command: str) -> None:
    try:
        done = run_tool(command)
    except FileNotFoundError:
        raise AccountError(f"{command[0]} is missing: install the Debian package passwd.") from None
    if done.returncode:
        why = done.stderr.strip().splitlines()
        raise AccountError(
            f"{command[0]} could not make {command[-1]}: {why[-1] if why else done.returncode}."
        )


def prepare_directories(layout: Layout) -> None:
    """Make every folder with its owner and mode, as often as wanted.

    Raises LayoutError when a part of the way is a link, belongs to somebody else or is closed to service
    users, and AccountError when a user is missing.
    """
    check_way_to(layout.data)
    layout.data.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    for directory in directories(layout):
        _prepare(directory)


def prepare_memory_folder(layout: Layout) -> None:
    """Make the folder for what must not reach a disk, where this host has a place for it. As above."""
    folder = memory_folder(layout)
    if folder is not None:
        _prepare(Directory(folder, CORE, CORE, 0o700))


def check_way_to(data: Path) -> None:
    """Refuse a place that service users cannot reach or that somebody else could exchange; LayoutError."""
    for parent in reversed(data.parents):
        try:
            status = parent.lstat()
        except FileNotFoundError:
            return
        if stat.S_ISLNK(status.st_mode):
            raise LayoutError(f"{parent} is a link: give --data the place itself, {data.resolve()}.")
        if not status.st_mode & stat.S_IXOTH:
            raise LayoutError(f"{parent} is closed to the system users of Ringwall: {_ELSEWHERE}.")
        writable = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if writable and not status.st_mode & stat.S_ISVTX:
            raise LayoutError(
                f"Others may rename things in {parent}: choose another --data, such as /var/lib/ringwall."
            )


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open a folder, not through a link in its last part."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except NotADirectoryError:
        raise LayoutError(f"{path} is not a folder (a file or a link is there): move it away.") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _prepare(directory: Directory) -> None:
    uid, gid = user_id(directory.owner), group_id(directory.group)
    path = directory.path
    with _opened(path.parent) as parent:
        try:
            os.mkdir(path.name, 0o700, dir_fd=parent)
        except FileExistsError:
            pass
        except OSError as error:
            raise LayoutError(f"{path} cannot be made: {error.strerror}.") from None
        try:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(path.name, flags, dir_fd=parent)
        except OSError:
            raise LayoutError(f"{path} is not a folder (a file or a link is there): move it away.") from None
    try:
        status = os.fstat(descriptor)
        if status.st_uid not in (uid, 0, os.geteuid()):
            raise LayoutError(f"{path} belongs to somebody else (user id {status.st_uid}): move it away.")
        # The owner first: chown takes the set-group-ID bit away again.
        if (status.st_uid, status.st_gid) != (uid, gid):
            os.fchown(descriptor, uid, gid)
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != directory.mode:
            os.fchmod(descriptor, directory.mode)
    finally:
        os.close(descriptor)


def wrong_modes(layout: Layout) -> list[str]:
    """Return one sentence for each folder whose owner or mode is not what it must be."""
    found = []
    for directory in directories(layout):
        try:
            status = directory.path.lstat()
        except OSError as error:
            found.append(f"{directory.path}: {error.strerror}")
            continue
        wanted = (user_id(directory.owner), group_id(directory.group), directory.mode)
        if (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) != wanted:
            found.append(f"{directory.path} must be {directory.owner}:{directory.group} {directory.mode:o}")
    return found

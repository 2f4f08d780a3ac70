"""What must not reach a disk lies in memory, or nowhere (T1)."""

import os
from pathlib import Path

import pytest

from ringwall.infra.layout import Layout
from ringwall.infra.memory_folder import clear, memory_folder

LAYOUT = Layout.of("/var/lib/ringwall")
LINE = "36 35 98:0 {root} {point} rw,noatime master:1 - {kind} {device} rw,errors=continue\n"
PLACES = (Path("/run"), Path("/dev/shm"))


def mounts(tmp_path: Path, *points: tuple[str, str]) -> Path:
    path = tmp_path / "mountinfo"
    path.write_text(
        "".join(LINE.format(root="/", point=point, kind=kind, device="none") for point, kind in points)
    )
    return path


@pytest.mark.req("T1")
@pytest.mark.parametrize(
    ("points", "place"),
    [
        ([("/", "ext4"), ("/run", "tmpfs"), ("/dev/shm", "tmpfs")], "/run"),
        ([("/", "overlay"), ("/dev/shm", "tmpfs")], "/dev/shm"),
        ([("/", "overlay"), ("/dev", "tmpfs")], "/dev/shm"),  # a folder of /dev
        ([("/", "ext4"), ("/run", "tmpfs"), ("/run", "ext4")], None),  # hidden by a later mount
        ([("/", "ext4"), ("/runner", "tmpfs")], None),
        ([("/", "ext4"), ("/run\\040x", "tmpfs"), ("/run\\", "tmpfs")], None),
        ([("/", "ext4")], None),
        ([("/", "ramfs")], "/run"),
        ([], None),
    ],
)
def test_it_is_only_where_the_kernel_says_memory(tmp_path, points, place):
    found = memory_folder(LAYOUT, PLACES, mounts(tmp_path, *points))
    assert (found.parent if found else None) == (Path(place) if place else None)


def test_what_cannot_be_read_is_no_memory(tmp_path):
    assert memory_folder(LAYOUT, PLACES, tmp_path / "none") is None
    (tmp_path / "odd").write_bytes(b"\xff\x00 -\n - \n1 2 3 - tmpfs\n1 2 3 4 /run - \n")
    assert memory_folder(LAYOUT, PLACES, tmp_path / "odd") is None


def test_two_systems_do_not_share_one(tmp_path):
    table = mounts(tmp_path, ("/run", "tmpfs"))
    other = memory_folder(Layout.of("/srv/ringwall"), PLACES, table)
    assert memory_folder(LAYOUT, PLACES, table) != other


def test_it_is_overwritten_and_removed(tmp_path):
    folder = tmp_path / "memory"
    folder.mkdir()
    (folder / "keys").write_bytes(b"secret" * 50_000)
    kept = os.open(folder / "keys", os.O_RDONLY)  # somebody who still has the file sees nothing any more
    clear(folder)
    assert not folder.exists()
    assert not any(os.pread(kept, 400_000, 0))
    os.close(kept)
    clear(folder)


def test_nothing_is_followed_out_of_it(tmp_path):
    folder, outside = tmp_path / "memory", tmp_path / "outside"
    folder.mkdir()
    outside.write_bytes(b"other")
    (folder / "link").symlink_to(outside)
    os.mkfifo(folder / "pipe")
    clear(folder)
    assert outside.read_bytes() == b"other"
    (tmp_path / "planted").symlink_to(tmp_path)
    clear(tmp_path / "planted")
    assert outside.exists()

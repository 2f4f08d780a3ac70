"""Files are written as a whole, with their mode, and never through a link."""

import os
import stat

import pytest

from ringwall.infra import files
from ringwall.infra.errors import LayoutError
from ringwall.infra.files import read_limited, write_atomically


def test_a_file_has_its_content_and_mode(tmp_path):
    path = tmp_path / "key"
    write_atomically(path, b"one", mode=0o600)
    write_atomically(path, b"two", mode=0o640)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_planted_link_is_replaced_and_its_target_left_alone(tmp_path):
    target, path = tmp_path / "passwd", tmp_path / "key"
    target.write_text("root")
    path.symlink_to(target)
    write_atomically(path, b"secret", mode=0o600)
    assert target.read_text() == "root"
    assert not path.is_symlink()


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "key"
    write_atomically(path, b"old", mode=0o600)

    def no_space(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new", mode=0o600)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_is_closed_to_others_from_its_first_moment(tmp_path, monkeypatch):
    seen = []
    real = os.open

    def spy(path, flags, mode=0o777, **rest):
        seen.append((flags, mode))
        return real(path, flags, mode, **rest)

    monkeypatch.setattr(files.os, "open", spy)
    write_atomically(tmp_path / "key", b"x", mode=0o640)
    flags, mode = seen[0]
    assert mode == 0o600
    assert flags & os.O_EXCL
    assert flags & os.O_NOFOLLOW


def test_reading_stops_at_the_limit_and_at_links(tmp_path):
    path, link = tmp_path / "big", tmp_path / "link"
    path.write_bytes(b"x" * 11)
    link.symlink_to(path)
    assert read_limited(path, 11) == b"x" * 11
    with pytest.raises(LayoutError, match="larger than the 10 bytes"):
        read_limited(path, 10)
    with pytest.raises(OSError, match="symbolic links"):
        read_limited(link)

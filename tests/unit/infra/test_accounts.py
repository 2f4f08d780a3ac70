"""Users and folders: each program gets its own, and no planted link is followed."""

import os
import pwd
import stat

import pytest

from ringwall.infra import accounts
from ringwall.infra.errors import AccountError, LayoutError
from ringwall.infra.layout import Layout

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="owners can only be given by root")


@pytest.fixture
def layout(tmp_path, monkeypatch):
    """A layout whose folders may belong to whoever runs the test: the users need not exist here."""
    monkeypatch.setattr(accounts, "user_id", lambda _name: os.geteuid())
    monkeypatch.setattr(accounts, "group_id", lambda _name: os.getegid())
    monkeypatch.setattr(accounts, "check_way_to", lambda _data: None)
    return Layout.of(tmp_path / "data")


def test_folders_get_their_modes_as_often_as_wanted(layout):
    for _ in range(2):
        accounts.prepare_directories(layout)
        for directory in accounts.directories(layout):
            assert stat.S_IMODE(directory.path.stat().st_mode) == directory.mode, directory.path
    assert accounts.wrong_modes(layout) == []


def test_a_folder_that_was_opened_to_others_is_found_and_closed_again(layout):
    accounts.prepare_directories(layout)
    layout.core.chmod(0o755)
    assert accounts.wrong_modes(layout) == [f"{layout.core} must be ringwall-core:ringwall-core 700"]
    accounts.prepare_directories(layout)
    assert accounts.wrong_modes(layout) == []


def test_files_in_the_folders_are_left_alone(layout):
    accounts.prepare_directories(layout)
    layout.database.write_bytes(b"x")
    accounts.prepare_directories(layout)
    assert layout.database.read_bytes() == b"x"


@pytest.mark.parametrize("name", ["data", "core", "core_run", "edge_run"])
def test_a_planted_link_is_refused_and_its_target_untouched(layout, tmp_path, name):
    accounts.prepare_directories(layout)
    path = getattr(layout, name)
    target = tmp_path / "elsewhere"
    target.mkdir(mode=0o711)
    moved = tmp_path / "moved"
    path.rename(moved)
    path.symlink_to(target)
    with pytest.raises(LayoutError, match="is not a folder"):
        accounts.prepare_directories(layout)
    assert stat.S_IMODE(target.stat().st_mode) == 0o711
    assert list(target.iterdir()) == []


def test_a_file_in_the_place_of_a_folder_is_refused(layout):
    layout.data.write_text("")
    with pytest.raises(LayoutError, match="is not a folder"):
        accounts.prepare_directories(layout)


@as_root
def test_a_folder_of_somebody_else_is_refused(layout):
    layout.data.mkdir()
    os.chown(layout.data, 12345, 12345)
    with pytest.raises(LayoutError, match="belongs to somebody else"):
        accounts.prepare_directories(layout)


@pytest.mark.parametrize(
    ("mode", "said"), [(0o700, "is closed to the system users"), (0o777, "Others may rename")]
)
def test_a_place_that_users_cannot_reach_or_others_may_change_is_refused(tmp_path, mode, said):
    place = tmp_path / "place"
    place.mkdir()
    for parent in [*place.parents][:-2]:
        parent.chmod(parent.stat().st_mode | 0o011)
    place.chmod(mode)
    with pytest.raises(LayoutError, match=said):
        accounts.check_way_to(place / "data")


def test_a_link_on_the_way_is_refused_and_the_real_place_named(tmp_path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    for parent in [*real.parents][:-2]:
        parent.chmod(parent.stat().st_mode | 0o011)
    link.symlink_to(real)
    with pytest.raises(LayoutError, match=str(real / "data")):
        accounts.check_way_to(link / "data")


def test_each_program_has_its_own_user_and_the_core_is_not_with_the_edge():
    assert len(accounts.USERS) == 7
    assert accounts.EDGE_SOCKET_GROUP not in accounts.USERS[accounts.CORE]
    assert [name for name, groups in accounts.USERS.items() if accounts.EDGE_SOCKET_GROUP in groups] == [
        accounts.HAPROXY,
        accounts.EDGE,
    ]


def entry(name):
    return pwd.struct_passwd((name, "x", 1, 1, "", "/nonexistent", "/usr/sbin/nologin"))


class Group:
    def __init__(self, name, members=()):
        self.gr_name, self.gr_mem = name, list(members)


def test_only_what_is_missing_is_made(monkeypatch):
    monkeypatch.setattr(
        accounts.pwd, "getpwall", lambda: [entry(n) for n in accounts.USERS if n != accounts.CORE]
    )
    groups = [
        Group(accounts.SETTINGS_GROUP, [accounts.EDGE, accounts.MEDIA, accounts.PNP]),
        Group(accounts.EDGE_SOCKET_GROUP, [accounts.EDGE]),
    ]
    monkeypatch.setattr(accounts.grp, "getgrall", lambda: groups)
    monkeypatch.setattr(accounts.os, "geteuid", lambda: 0)
    ran = []
    monkeypatch.setattr(accounts, "_run", lambda *command: ran.append(command))
    accounts.ensure_accounts()
    made = [command for command in ran if command[0] == "useradd"]
    assert [command[-1] for command in made] == [accounts.CORE]
    assert {"--system", "--no-create-home", "/usr/sbin/nologin"} <= set(made[0])
    assert ("usermod", "--append", "--groups", accounts.SETTINGS_GROUP, accounts.CORE) in ran
    assert ("usermod", "--append", "--groups", accounts.EDGE_SOCKET_GROUP, accounts.HAPROXY) in ran
    assert len(ran) == 3


def test_without_root_the_error_says_so(monkeypatch):
    monkeypatch.setattr(accounts, "missing_accounts", lambda: [accounts.CORE])
    monkeypatch.setattr(accounts.os, "geteuid", lambda: 1000)
    with pytest.raises(AccountError, match="needs root"):
        accounts.ensure_accounts()


def test_a_missing_user_is_named_with_what_to_do():
    with pytest.raises(AccountError, match="no-such-user is missing: run"):
        accounts.user_id("no-such-user")
    with pytest.raises(AccountError, match="no-such-group is missing: run"):
        accounts.group_id("no-such-group")

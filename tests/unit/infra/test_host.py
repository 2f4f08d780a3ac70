"""The host: room on its disk, a clock that can be right, tools in a clean environment."""

import subprocess
from datetime import UTC, datetime

import pytest

from ringwall.infra import host
from ringwall.infra.errors import RingwallError
from ringwall.infra.run import find_tool, run_tool


def test_room_is_measured_where_the_folder_will_be(tmp_path):
    assert host.existing_parent(tmp_path / "a" / "b") == tmp_path
    assert host.free_bytes(tmp_path / "a" / "b") > 0


def test_without_room_there_is_one_sentence_with_what_to_do(tmp_path):
    host.require_space(tmp_path, least=1)
    with pytest.raises(RingwallError, match=r"MiB are free where .* make room") as caught:
        host.require_space(tmp_path, least=1 << 60)
    assert caught.value.code == "disk-full"


def test_swap_that_is_on_a_disk_in_clear_is_named(tmp_path):
    swaps = tmp_path / "swaps"
    swaps.write_text(
        "Filename\tType\tSize\tUsed\tPriority\n"
        "/dev/vda2 partition 1 0 -2\n/dev/zram0 partition 1 0 5\n/dev/dm-1 partition 1 0 -3\n/dev/dm-2 partition 1 0 -4\n"
    )
    for device, uuid in (("dm-1", "CRYPT-PLAIN-swap"), ("dm-2", "LVM-abc")):
        (tmp_path / device / "dm").mkdir(parents=True)
        (tmp_path / device / "dm" / "uuid").write_text(uuid)
    assert host.clear_swaps(swaps, tmp_path) == ["/dev/vda2", "/dev/dm-2"]
    assert host.clear_swaps(tmp_path / "none", tmp_path) == []


def test_root_is_asked_for(monkeypatch):
    monkeypatch.setattr(host.os, "geteuid", lambda: 1000)
    with pytest.raises(RingwallError, match="needs root"):
        host.require_root()


def test_a_clock_that_was_never_set_is_seen():
    assert not host.clock(0.0).sane
    assert host.clock(datetime(2026, 1, 1, tzinfo=UTC).timestamp()).sane


def test_a_tool_gets_nothing_of_our_environment_and_no_input(monkeypatch):
    monkeypatch.setenv("SECRET", "s3cret")
    done = run_tool(["sh", "-c", "env; cat"])
    assert "s3cret" not in done.stdout
    assert "PATH=/usr/sbin" in done.stdout


def test_a_tool_that_hangs_is_ended():
    with pytest.raises(subprocess.TimeoutExpired):
        run_tool(["sleep", "60"], timeout=0.2)


def test_tools_are_found_in_the_systems_folders_only(tmp_path, monkeypatch):
    planted = tmp_path / "planted-tool"
    planted.write_text("#!/bin/sh\n")
    planted.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_tool("planted-tool") is None
    assert find_tool("sh") is not None
    with pytest.raises(FileNotFoundError):
        run_tool(["planted-tool"])

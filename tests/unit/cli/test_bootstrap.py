"""The bootstrap script: what it asks of a host, and copies of the code that are what they are called after."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "ringwall"
TEXT = SCRIPT.read_text()
FUNCTIONS = TEXT[: TEXT.index("\nHERE=$(cd")]


@pytest.fixture
def bash(tmp_path):
    """Runs commands after the script's functions were defined, with its folders below a temporary one."""
    (tmp_path / "base" / "releases").mkdir(parents=True)
    (tmp_path / "base" / "log").mkdir()
    source = tmp_path / "checkout" / "src" / "ringwall"
    source.mkdir(parents=True)
    (source / "__init__.py").write_text("x = 1\n")
    (tmp_path / "os-release").write_text('ID=debian\nVERSION_ID="12"\n')
    text = FUNCTIONS.replace("/opt/ringwall", str(tmp_path / "base")).replace(
        "/etc/os-release", str(tmp_path / "os-release")
    )

    def run(commands, **more):
        script = f"{text}\nHERE={tmp_path}/checkout\n{commands}\n"
        return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, **more)

    run.folder = tmp_path
    return run


def test_the_script_is_valid_and_strict():
    assert subprocess.run(["bash", "-n", SCRIPT], check=False).returncode == 0
    assert "set -euo pipefail" in TEXT
    assert os.access(SCRIPT, os.X_OK)


def test_debian_12_is_accepted_and_all_else_is_one_sentence(bash):
    assert bash("check_system").returncode == 0
    (bash.folder / "os-release").write_text("ID=ubuntu\nVERSION_ID=24.04\n")
    done = bash("check_system")
    assert done.returncode == 1
    assert "this runs on Debian 12 (bookworm), and here is ubuntu 24.04" in done.stderr
    assert done.stderr.count("\n") == 1
    (bash.folder / "os-release").unlink()
    assert "an unknown system" in bash("check_system").stderr


def test_without_root_and_without_sudo_there_is_one_sentence():
    somebody = FUNCTIONS.replace("((EUID != 0)) || return 0", "")
    done = subprocess.run(
        ["/bin/bash", "-c", f"{somebody}\nHERE=/x\nbecome_root up"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/nonexistent"},
    )
    assert done.returncode == 1
    assert done.stderr == "ringwall: this needs root, and there is no sudo here: run it in a root shell.\n"


def test_sudo_gets_the_command_and_what_says_how_to_reach_the_network(bash, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "sudo").write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    (tools / "sudo").chmod(0o755)
    text = FUNCTIONS.replace("((EUID != 0)) || return 0", "")
    environment = {
        "PATH": f"{tools}:/usr/bin:/bin",
        "PIP_CERT": "/c",
        "https_proxy": "http://p",
        "SECRET": "s",
    }
    done = subprocess.run(
        ["/bin/bash", "-c", f"{text}\nHERE=/x\nbecome_root up --data '/a b'"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.stdout == "--preserve-env=https_proxy,PIP_CERT|--|/x/ringwall|up|--data|/a b|"


def test_too_little_room_is_one_sentence(bash):
    done = bash("df() { printf 'h\\nx 1 1 2048 1 /\\n'; }; check_space /")
    assert done.returncode == 1
    assert "only 2 MiB are free in /, 1536 MiB are needed" in done.stderr
    assert bash("df() { printf 'h\\nx 1 1 9999999 1 /\\n'; }; check_space /no/such/folder").returncode == 0


def test_the_hash_of_the_code_changes_with_the_code_and_not_with_byte_code(bash):
    source = bash.folder / "checkout" / "src" / "ringwall"
    ask = f'content_hash "{bash.folder}/checkout/src"'
    first = bash(ask).stdout
    (source / "__pycache__").mkdir()
    (source / "__pycache__" / "x.pyc").write_text("byte code")
    assert bash(ask).stdout == first
    (source / "__init__.py").write_text("x = 2\n")
    second = bash(ask).stdout
    assert second != first
    (source / "__init__.py").rename(source / "other.py")
    assert bash(ask).stdout not in {first, second}


def test_a_release_is_a_copy_that_everybody_can_read_and_is_made_once(bash):
    source = bash.folder / "checkout" / "src" / "ringwall"
    (source / "__init__.py").chmod(0o600)
    (source / "__pycache__").mkdir()
    (source / "__pycache__" / "stale.pyc").write_text("")
    first = bash('ensure_release "$PYTHON"')
    release = Path(first.stdout)
    assert release.parent == bash.folder / "base" / "releases"
    assert (release / "ringwall" / "__init__.py").read_text() == "x = 1\n"
    assert (release / "ringwall" / "__init__.py").stat().st_mode & 0o777 == 0o644
    assert release.stat().st_mode & 0o777 == 0o755
    assert not (release / "ringwall" / "__pycache__" / "stale.pyc").exists()
    assert [*(release / "ringwall" / "__pycache__").glob("__init__*.pyc")]
    made = release.stat().st_ctime_ns, (release / "ringwall").stat().st_ctime_ns
    assert bash('ensure_release "$PYTHON"').stdout == first.stdout
    assert (release / "ringwall").stat().st_ctime_ns == made[1]
    assert [path.name for path in release.parent.iterdir()] == [release.name]


def test_old_releases_go_unless_a_process_uses_them(bash):
    base = bash.folder / "base"
    old, used, young = (base / "releases" / name for name in ("old", "used", "young"))
    venv = base / "venv-old"
    for path in (old, used, young, venv):
        path.mkdir()
    for path in (old, used, venv):
        os.utime(path, (0, 0))
    user = subprocess.Popen(["sleep", "60"], env={"PYTHONPATH": str(used)})
    try:
        assert bash("prune").returncode == 0
    finally:
        user.kill()
        user.wait()
    assert sorted(path.name for path in (base / "releases").iterdir()) == ["used", "young"]
    assert not venv.exists()
    assert (base / "log").is_dir()


def test_a_finished_environment_is_used_as_it_is(bash):
    lock = bash.folder / "run.txt"
    lock.write_text("a==1\n")
    name = subprocess.run(["sha256sum", lock], capture_output=True, text=True, check=True).stdout[:16]
    venv = bash.folder / "base" / f"venv-{name}"
    venv.mkdir()
    (venv / ".complete").touch()
    done = bash(f'ensure_venv venv "{lock}"')
    assert done.stdout == str(venv)
    assert done.stderr == ""


def test_a_failed_installation_is_one_sentence_and_is_tried_again(bash):
    lock = bash.folder / "run.txt"
    lock.write_text("no-such-package-of-ringwall==1 --hash=sha256:" + "0" * 64 + "\n")
    commands = f'check_space() {{ :; }}; venv=$(ensure_venv venv "{lock}"); echo reached'
    done = bash(commands, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PIP_NO_INDEX": "1", "PIP_USER": "1"})
    assert done.returncode == 1
    assert "reached" not in done.stdout
    assert "the Python packages could not be installed: check the network" in done.stderr
    (venv,) = (bash.folder / "base").glob("venv-*")
    assert not (venv / ".complete").exists()


def test_a_closed_standard_input_is_no_hindrance(bash):
    done = subprocess.run(
        ["bash", "-c", f"exec <&-\n{FUNCTIONS}\nreadlink /proc/self/fd/0"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "/dev/null\n"

"""A program that is started again finds its place free."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ringwall.infra.alone import end_remainders, remainders

pytestmark = pytest.mark.req("R2")


def _left_behind(marker: str) -> list[str]:
    """Start a process whose parent has ended, as the children of a killed program are; return its command."""
    command = ["/usr/bin/tail", "-f", "/dev/null", "--", marker]
    quoted = " ".join(f"'{part}'" for part in command)
    subprocess.run(["/bin/sh", "-c", f"{quoted} >/dev/null 2>&1 &"], check=True)
    for _ in range(500):
        if remainders(command):
            break
        time.sleep(0.01)
    return command


def test_what_a_dead_program_left_is_ended_and_nothing_else(tmp_path: Path) -> None:
    one, other = str(tmp_path / "one"), str(tmp_path / "other")
    for name in (one, other):
        Path(name).touch()
    mine, foreign = _left_behind(one), _left_behind(other)
    try:
        assert len(remainders(mine)) == 1
        assert end_remainders(mine) == 1
        assert remainders(mine) == []
        assert len(remainders(foreign)) == 1
    finally:
        end_remainders(foreign)


def test_nothing_left_is_no_work() -> None:
    assert end_remainders(["/usr/bin/tail", "-f", "/no/such/thing/runs"]) == 0


def test_it_becomes_the_program_with_the_same_process_number() -> None:
    command = [sys.executable, "-m", "ringwall.infra.alone", "/bin/sh", "-c", "echo $$ $0", "word"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3] / "src")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        told, _ = process.communicate(timeout=30)
    assert told.split() == [str(process.pid), "word"]

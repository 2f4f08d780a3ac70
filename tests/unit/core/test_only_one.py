"""There is one core at a time on one data directory."""

import subprocess
import sys

import pytest

from ringwall.core.errors import CoreError
from ringwall.core.only_one import AnotherCoreError, only_one
from ringwall.infra.layout import Layout

pytestmark = pytest.mark.req("R1", "I2")
_CORE = """
import sys
from pathlib import Path
from ringwall.core.only_one import only_one
from ringwall.infra.layout import Layout
with only_one(Layout.of(Path(sys.argv[1]))):
    print("runs", flush=True)
    sys.stdin.read()
"""


def test_a_second_core_does_not_start_and_a_killed_one_leaves_its_place(tmp_path) -> None:
    layout = Layout.of(tmp_path)
    layout.core.mkdir()
    command = [sys.executable, "-c", _CORE, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"runs\n"
        with pytest.raises(AnotherCoreError, match="already"), only_one(layout):
            pass
        first.kill()
    with only_one(layout):
        pass


def test_a_place_that_cannot_be_taken_is_named(tmp_path) -> None:
    layout = Layout.of(tmp_path)
    layout.core.mkdir()
    layout.core_lock.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CoreError, match=r"core\.lock"), only_one(layout):
        pass

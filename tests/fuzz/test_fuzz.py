"""Each fuzz target runs for a moment, so that it stays runnable; long runs are made by hand (see harness.py).

Not among the unit tests: `pytest tests/fuzz`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
RUNS = os.environ.get("RINGWALL_FUZZ_RUNS", "3000")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("fuzz_*.py")))
def test_a_short_run_finds_nothing(name: str, tmp_path: Path) -> None:
    pytest.importorskip("atheris")
    environment = {**os.environ, "PYTHONPATH": str(FOLDER.parents[1] / "src")}
    done = subprocess.run(
        [sys.executable, str(FOLDER / name), f"-runs={RUNS}", "-seed=1"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert list(tmp_path.iterdir()) == []

"""``ringwall test``: everything that CI runs.

Checks of a stage run side by side, as many at once as there are processors; what each of them prints is shown
as a whole when it ends. The next stage begins when all have ended, whatever they said.
"""

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from ringwall.cli import starting
from ringwall.cli.output import Output, format_table
from ringwall.infra import accounts
from ringwall.infra.errors import RingwallError

_SOURCES = ("src", "tests", "bench")
_LINTER = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
_COVERAGE = ("--cov", "--cov-report=term:skip-covered")
_MOST_SYSTEMS = 4
_CLOSING = re.compile(r"\b(?:passed|failed|error|no tests ran)\b.* in ")


@dataclass(frozen=True, slots=True)
class Check:
    """A command of the test environment's Python; ``arguments`` follow the interpreter."""

    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """How a check ended, and after how many seconds."""

    name: str
    ok: bool
    seconds: float
    closing: str
    """What pytest said last; empty for other checks."""


def repository() -> Path:
    """Return the checkout; RingwallError when this was not started from one."""
    named = os.environ.get("RINGWALL_REPOSITORY")
    folder = Path(named) if named else Path(__file__).resolve().parents[3]
    if not (folder / "pyproject.toml").is_file() or not (folder / "tests").is_dir():
        raise RingwallError("The tests are in the repository: run ./ringwall from a clone of it.")
    return folder


def suite(folder: Path, name: str, processors: int) -> list[list[Check]]:
    """Return the stages of ``fast``, ``system`` or ``all``, for so many processors."""
    # The longest come first: what is short fills up the time at the end.
    fast = [
        Check("unit tests", _pytest("tests/unit", processors, "worksteal", *_COVERAGE)),
        Check("types", ("-m", "mypy", "--no-error-summary")),
        Check("import rules", ("-c", _LINTER)),
        Check("style", ("-m", "ruff", "check", *_existing(folder))),
        Check("format", ("-m", "ruff", "format", "--check", *_existing(folder))),
    ]
    if (folder / "tools" / "requirements.py").is_file():
        kept = ("--tests", "build/requirements-tests.md")
        fast.append(Check("requirements table", ("tools/requirements.py", "--check", *kept)))
    if (folder / "tools" / "events.py").is_file():
        fast.append(Check("table of events", ("tools/events.py", "--check")))
    # Each worker has a system of its own. Files stay together, because they share what takes long to make.
    systems = min(processors, _MOST_SYSTEMS)
    stages = [
        [Check("system tests", _pytest("tests/system", systems, "loadfile", "-m", "not alone"))],
        [Check("system tests alone", _pytest("tests/system", 1, "loadfile", "-m", "alone"))],
    ]
    if (folder / "tests" / "lab").is_dir():
        stages.append([Check("lab tests", ("-m", "pytest", "tests/lab"))])
    return {"fast": [fast], "system": stages, "all": [fast, *stages]}[name]


def _pytest(tests: str, workers: int, distribution: str, *more: str) -> tuple[str, ...]:
    side_by_side = ("-n", str(workers), "--dist", distribution) if workers > 1 else ()
    return ("-m", "pytest", tests, *side_by_side, *more)


def _existing(folder: Path) -> tuple[str, ...]:
    return tuple(name for name in _SOURCES if (folder / name).is_dir())


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


def run(folder: Path, stages: Sequence[Sequence[Check]], output: Output) -> list[Result]:
    """Run the checks stage by stage, show what they print, and end with a table of how each ended."""
    if any(check.name.startswith("system tests") for checks in stages for check in checks):
        starting.install_proof_tools(output)
        # Systems that start side by side must not make them at the same time.
        accounts.ensure_accounts()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    # The checkout is tested, not the copy that this very process was imported from.
    environment["PYTHONPATH"] = str(folder / "src")
    environment.pop("PYTHONSAFEPATH", None)
    # Unix sockets have short names, and data directories of tests lie below the name of their test.
    environment.pop("TMPDIR", None)
    with tempfile.TemporaryDirectory(prefix="rw-", dir="/tmp", ignore_cleanup_errors=True) as short:
        environment["PYTEST_ADDOPTS"] = f"--basetemp={short}/t"
        results = [result for checks in stages for result in _stage(folder, checks, environment, output)]
    rows = [(result.name, "ok" if result.ok else "FAILED", f"{result.seconds:.1f} s") for result in results]
    # What pytest said last is said again at the very end: that is where people and machines look for it.
    closings = "".join(f"\n{result.closing}" for result in results if result.closing)
    output.result(
        {"ok": all(result.ok for result in results), "checks": [asdict(result) for result in results]},
        f"\n{format_table(('check', 'result', 'time'), rows)}\n{closings}",
    )
    return results


def _stage(
    folder: Path, checks: Sequence[Check], environment: Mapping[str, str], output: Output
) -> list[Result]:
    """Run checks side by side; one that is by itself is shown while it runs."""
    live, one_at_a_time = len(checks) == 1, threading.Lock()
    with ThreadPoolExecutor(max(1, min(len(checks), processors()))) as pool:
        return list(
            pool.map(lambda check: _run(folder, check, environment, output, one_at_a_time, live=live), checks)
        )


def _run(
    folder: Path,
    check: Check,
    environment: Mapping[str, str],
    output: Output,
    one_at_a_time: threading.Lock,
    *,
    live: bool,
) -> Result:
    """Run one check and pass its output on, to standard error when standard output is kept for JSON."""
    to = sys.stderr if output.as_json else sys.stdout
    if live:
        output.progress(f"== {check.name}")
    began = time.monotonic()
    lines: list[str] = []
    with subprocess.Popen(  # noqa: S603 - the checks above
        [sys.executable, *check.arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if live:
                to.write(line)
                to.flush()
    seconds = round(time.monotonic() - began, 1)
    if not live:
        with one_at_a_time:
            output.progress(f"== {check.name}")
            to.writelines(lines)
            to.flush()
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    closing = last if "pytest" in check.arguments and _CLOSING.search(last) else ""
    return Result(check.name, process.returncode == 0, seconds, closing)

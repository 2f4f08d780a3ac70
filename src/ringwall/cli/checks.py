"""``ringwall test``: everything that CI runs, one check after the other, whatever the ones before said."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ringwall.cli import starting
from ringwall.cli.output import Output, format_table
from ringwall.infra.errors import RingwallError

_SOURCES = ("src", "tests", "bench")
_LINTER = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
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


def suite(folder: Path, name: str) -> list[Check]:
    """Return the checks of ``fast``, ``system`` or ``all``."""
    fast = [
        Check("style", ("-m", "ruff", "check", *_existing(folder))),
        Check("format", ("-m", "ruff", "format", "--check", *_existing(folder))),
        Check("types", ("-m", "mypy", "--no-error-summary")),
        Check("import rules", ("-c", _LINTER)),
    ]
    if (folder / "tools" / "requirements.py").is_file():
        fast.append(Check("requirements table", ("tools/requirements.py", "--check")))
    fast.append(
        Check("unit tests", ("-m", "pytest", "tests/unit", "--cov", "--cov-report=term:skip-covered"))
    )
    system = [Check("system tests", ("-m", "pytest", "tests/system"))]
    if (folder / "tests" / "lab").is_dir():
        system.append(Check("lab tests", ("-m", "pytest", "tests/lab")))
    return {"fast": fast, "system": system, "all": fast + system}[name]


def _existing(folder: Path) -> tuple[str, ...]:
    return tuple(name for name in _SOURCES if (folder / name).is_dir())


def run(folder: Path, checks: Sequence[Check], output: Output) -> list[Result]:
    """Run the checks, show their output as it comes, and end with a table of how each ended."""
    if any(check.name == "system tests" for check in checks):
        starting.install_proof_tools(output)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    # The checkout is tested, not the copy that this very process was imported from.
    environment["PYTHONPATH"] = str(folder / "src")
    environment.pop("PYTHONSAFEPATH", None)
    results = [_run(folder, check, environment, output) for check in checks]
    rows = [(result.name, "ok" if result.ok else "FAILED", f"{result.seconds:.1f} s") for result in results]
    # What pytest said last is said again at the very end: that is where people and machines look for it.
    closings = "".join(f"\n{result.closing}" for result in results if result.closing)
    output.result(
        {"ok": all(result.ok for result in results), "checks": [asdict(result) for result in results]},
        f"\n{format_table(('check', 'result', 'time'), rows)}\n{closings}",
    )
    return results


def _run(folder: Path, check: Check, environment: Mapping[str, str], output: Output) -> Result:
    """Run one check and pass its output on, to standard error when standard output is kept for JSON."""
    output.progress(f"== {check.name}")
    to = sys.stderr if output.as_json else sys.stdout
    began = time.monotonic()
    last = ""
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
            to.write(line)
            to.flush()
            last = line.strip() or last
    closing = last if "pytest" in check.arguments and _CLOSING.search(last) else ""
    return Result(check.name, process.returncode == 0, round(time.monotonic() - began, 1), closing)

"""``ringwall bench NAME``: runs a benchmark of the repository."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ringwall.infra.errors import RingwallError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}\Z")


def names(repository: Path) -> list[str]:
    """Return the benchmarks that there are."""
    found = (path.stem for path in (repository / "bench").glob("*.py"))
    return sorted(name for name in found if _NAME.match(name))


def run(repository: Path, name: str, arguments: Sequence[str]) -> int:
    """Run one benchmark on the caller's terminal and return its exit code; RingwallError if unknown."""
    known = names(repository)
    if name not in known:
        raise RingwallError(f"There is no benchmark {name}: there are {', '.join(known) or 'none'}.")
    environment = {**os.environ, "RINGWALL_REPOSITORY": str(repository)}
    # The benchmark imports its neighbours and the checkout's helpers, and ringwall from the released copy.
    environment["PYTHONPATH"] = os.pathsep.join((os.environ.get("PYTHONPATH", ""), str(repository)))
    done = subprocess.run(  # noqa: S603 - a module of our own repository, its name checked above
        [sys.executable, "-m", f"bench.{name}", *arguments], cwd=repository, env=environment, check=False
    )
    return done.returncode

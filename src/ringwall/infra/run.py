"""Running a tool of the host: no shell, no standard input, a time limit, a clean environment."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
CLEAN_ENVIRONMENT = {"PATH": SYSTEM_PATH, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}


def find_tool(name: str) -> Path | None:
    """Return where a tool of the host is, looked for in the system's own folders only."""
    for folder in SYSTEM_PATH.split(":"):
        candidate = Path(folder, name)
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate
    return None


def run_tool(
    command: Sequence[str],
    *,
    timeout: float = 60.0,
    environment: Mapping[str, str] | None = None,
    cwd: Path = Path("/"),
) -> subprocess.CompletedProcess[str]:
    """Run a tool to its end (at most ``timeout`` seconds) and return its status, output and errors as text.

    Raises FileNotFoundError when there is no such tool and subprocess.TimeoutExpired. ``command`` is never
    a text for a shell; its first part is a path, or the name of a tool in the system's own folders.
    """
    program = command[0] if "/" in command[0] else find_tool(command[0])
    if program is None:
        raise FileNotFoundError(f"{command[0]} is not installed")
    return subprocess.run(  # noqa: S603 - the one place; nothing from outside gets here
        [str(program), *command[1:]],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        env=dict(CLEAN_ENVIRONMENT if environment is None else environment),
        cwd=cwd,
        check=False,
    )

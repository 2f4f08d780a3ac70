"""Become a program, after what a dead process of the same program left behind has been ended.

``python -m ringwall.infra.alone COMMAND ARGUMENT...`` is for programs of several processes, such as Kamailio:
when its first process is killed the others live on, hold its ports, and no new one could ever start. Whatever
runs under the same user with the same command line is such a remainder: supervision starts a program once.
"""

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

_TICK = 0.02
_SECONDS = 5.0


def remainders(command: Sequence[str], *, proc: Path = Path("/proc")) -> list[int]:
    """Return the processes of this user, but this one, that run with exactly this command line."""
    wanted = b"".join(part.encode() + b"\0" for part in command)
    user = os.geteuid()
    found = []
    for entry in proc.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if entry.stat().st_uid == user and (entry / "cmdline").read_bytes() == wanted:
                found.append(int(entry.name))
        except OSError:
            continue  # it has ended meanwhile, or is none of ours
    return found


def end_remainders(command: Sequence[str], *, seconds: float = _SECONDS) -> int:
    """Kill them and wait until they are gone; return how many there were. TimeoutError when they stay."""
    left = remainders(command)
    count, until = len(left), time.monotonic() + seconds
    while left:
        if time.monotonic() > until:
            raise TimeoutError(f"processes {', '.join(map(str, left))} of {command[0]} cannot be ended")
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(_TICK)
        left = remainders(command)
    return count


def main(command: Sequence[str]) -> None:
    """End the remainders and become the command."""
    count = end_remainders(command)
    if count:
        sys.stderr.write(f"ended {count} processes that were left of {command[0]}\n")
        sys.stderr.flush()
    os.execv(command[0], list(command))  # noqa: S606 - the program that supervision was told to run


if __name__ == "__main__":
    main(sys.argv[1:])

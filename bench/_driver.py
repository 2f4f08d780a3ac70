"""Runs the load (bench/_load.py) as a process of its own, so that its time is not counted as the system's."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

Event = dict[str, Any]


class Driver:
    """One load process: it takes a job as a line of JSON and tells of events, one a line."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def events(self) -> Iterator[Event]:
        """Give the events as they come; SystemExit with its words when the load process fails."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event = json.loads(line)
            if event["event"] == "failed":
                raise SystemExit(f"The load could not be made: {event['why']}")
            yield event
        if self._process.wait():
            raise SystemExit("The load process ended before its time.")

    def go_on(self) -> None:
        """Let it go on; it waits after the event "held"."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()


@contextmanager
def driving(job: dict[str, Any], program: str = "bench._load") -> Iterator[Driver]:
    """Start the load and end it, whatever happens."""
    process = subprocess.Popen(
        [sys.executable, "-m", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()
        yield Driver(process)
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

"""A media server for a benchmark: the real process in a folder that is thrown away, and its control link."""

import json
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ringwall.infra.frames import FrameReader, Kind, encode
from ringwall.infra.layout import Layout
from ringwall.infra.run import find_tool
from ringwall.infra.settings import Settings
from ringwall.infra.supervise import may_schedule
from ringwall.media.realtime import PRIORITY

_ROOM = Path("/var/tmp")
_TICKS = 100  # a second, in /proc/PID/stat


class Link:
    """The control link, one question at a time; events are passed over."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._socket.settimeout(20)
        self._reader = FrameReader()
        self._last = 0

    def ask(self, op: str, **values: Any) -> dict[str, Any]:
        """Return the answer; SystemExit when the server refuses."""
        self._last += 1
        self._socket.sendall(encode(Kind.CALL, self._last, json.dumps({"op": op, **values}).encode()))
        while True:
            for frame in self._reader.feed(self._socket.recv(65536)):
                if frame.kind is Kind.REPLY and frame.id == self._last:
                    answer: dict[str, Any] = json.loads(frame.payload)
                    if not answer.pop("ok"):
                        raise SystemExit(f"The media server refused {op}: {answer['error']}")
                    return answer


class MediaServer:
    """One media server that runs, and its control link."""

    def __init__(self, process: "subprocess.Popen[bytes]", link: Link, layout: Layout) -> None:
        self._process = process
        self.link = link
        self.layout = layout

    def cpu_seconds(self) -> float:
        """Return user and system time of the process with all its threads."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def resident_kb(self) -> int:
        """Return the memory that it holds."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def recording(self, number: int) -> dict[str, Any]:
        """Return the arguments of one recorder for the room of that number."""
        key = b64encode(secrets.token_bytes(32)).decode()
        return {
            "recorder": f"r{number}",
            "room": f"room{number}",
            "recording": f"rec{number}",
            "key": key,
            "most": 86400,
        }


@contextmanager
def running(*, ordinary: bool = False) -> Iterator[MediaServer]:
    """Start a media server and end it, whatever happens; ``ordinary`` is without real-time scheduling."""
    folder = Path(tempfile.mkdtemp(prefix="ringwall-bench-", dir=_ROOM))
    layout = Layout.of(folder)
    for path in (layout.media, layout.media_run, layout.recordings):
        path.mkdir()
    plain = Settings.for_address("127.0.0.1").model_dump()
    plain["ports"] |= {"rtp_first": 20000, "rtp_last": 65535}
    plain["media"] |= {"first_port": 16000}
    Settings.checked(plain, "The benchmark").save(layout)
    command = [sys.executable, "-m", "ringwall.media", "--data", str(folder)]
    chrt = find_tool("chrt")
    if ordinary:
        command = ["/usr/bin/setpriv", "--bounding-set=-sys_nice", "--inh-caps=-all", "--", *command]
    elif chrt is not None and may_schedule():
        command = [str(chrt), "--fifo", str(PRIORITY), *command]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log)
    try:
        until = time.monotonic() + 20
        while not layout.media_socket(1).exists():
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"The media server did not start: {(folder / 'log').read_text()[-500:]}")
            time.sleep(0.05)
        link = Link(layout.media_socket(1))
        link.ask("hello", owner="bench", lease_seconds=120)
        yield MediaServer(process, link, layout)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)

"""The real process, started on a folder of its own, and a client of its control socket."""

import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from base64 import b64encode
from contextlib import suppress
from pathlib import Path

from ringwall.infra.frames import FrameReader, Kind, encode
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings

SRC = Path(__file__).parents[3] / "src"


def key(length: int = 30) -> str:
    """A key (and salt) in base64."""
    return b64encode(secrets.token_bytes(length)).decode()


class Refused(Exception):  # noqa: N818
    """The server said no."""

    def __init__(self, code: str, error: str) -> None:
        super().__init__(f"{code}: {error}")
        self.code = code


class Server:
    """A media server that runs."""

    def __init__(self, folder: Path, **media: object) -> None:
        self.layout = Layout.of(folder)
        for path in (self.layout.media, self.layout.media_run, self.layout.recordings):
            path.mkdir(parents=True, exist_ok=True)
        plain = Settings.for_address("127.0.0.1").model_dump()
        plain["media"] |= media
        # Any port of a test's phones is that of a relay.
        plain["ports"] |= {"rtp_first": 20000, "rtp_last": 65535}
        plain["ports"]["rtp_first"] = 20000
        self.settings = Settings.checked(plain, "test")
        self.settings.save(self.layout)
        self.log = folder / "media.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ringwall.media", "--data", str(self.layout.data)],
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(SRC)},
            )
        until = time.monotonic() + 15
        while True:
            try:
                Client(self.layout.media_socket(1)).close()
            except OSError:
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < until, self.log.read_text()
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(15)

    def client(self, owner: str = "core1", lease: float = 30.0) -> "Client":
        """A connection that has said hello."""
        client = Client(self.layout.media_socket(1))
        client.owner = owner
        client.hello = client.ask("hello", owner=owner, lease_seconds=lease)
        return client


class Client:
    """One control connection; events are kept until they are waited for."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._reader = FrameReader()
        self._last = 0
        self._answers: dict[int, dict] = {}
        self._changed = threading.Condition()
        self.events: list[dict] = []
        self.closed = False
        self.hello: dict = {}
        self.owner = ""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while True:
            try:
                data = self._socket.recv(65536)
            except OSError:
                data = b""
            with self._changed:
                if not data:
                    self.closed = True
                for frame in self._reader.feed(data) if data else ():
                    values = json.loads(frame.payload)
                    if frame.kind is Kind.CALL:
                        assert frame.id == 0
                        self.events.append(values)
                    else:
                        self._answers[frame.id] = values
                self._changed.notify_all()
                if not data:
                    return

    def send(self, payload: bytes) -> int:
        self._last += 1
        self._socket.sendall(encode(Kind.CALL, self._last, payload))
        return self._last

    def answer(self, number: int) -> dict:
        with self._changed:
            assert self._changed.wait_for(lambda: number in self._answers or self.closed, 10), "no answer"
            values = self._answers.pop(number)
        if not values.pop("ok"):
            raise Refused(values["code"], values["error"])
        return values

    def ask(self, op: str, **values: object) -> dict:
        return self.answer(self.send(json.dumps({"op": op, **values}).encode()))

    def event(self, name: str, within: float = 10.0, **fields: object) -> dict:
        """Wait for an event with these fields, and take it off the list."""

        def found() -> dict | None:
            return next((e for e in self.events if e["event"] == name and fields.items() <= e.items()), None)

        with self._changed:
            assert self._changed.wait_for(lambda: found() is not None, within), (name, fields, self.events)
            event = found()
            assert event is not None
            self.events.remove(event)
            return event

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def until_closed(self) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.closed, 10)

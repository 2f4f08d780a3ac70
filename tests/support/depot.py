"""A firmware server for tests, over real HTTPS, which can be made to lie."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ringwall.infra import authority
from support.firmware import Room

LIFE = timedelta(days=2)
Lie = Callable[[BaseHTTPRequestHandler], None]


class Depot:
    """Serves what a room has published, and images; `lies` answer instead for paths that they name."""

    def __init__(self, room: Room, ca_file: Path, url: str) -> None:
        self.room = room
        self.ca_file = ca_file
        self.url = url
        self.images: dict[str, bytes] = {}
        self.lies: dict[str, Lie] = {}
        self.asked: list[str] = []

    def add(self, path: str, content: bytes, *, by: str = "ringwall.reference") -> str:
        """Publish an image; return its path."""
        self.room.publish({by: self.room.image(path, content, by=by)})
        image = self.room.repository.images[path]
        self.images[image.target_path] = content
        return path

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path.removeprefix("/firmware/")
        self.asked.append(path)
        for word, lie in self.lies.items():
            if word in path:
                lie(handler)
                return
        kind, _slash, name = path.partition("/")
        body = self.room.repository.served(name) if kind == "metadata" else self.images.get(name)
        send(handler, body)


def send(handler: BaseHTTPRequestHandler, body: bytes | None) -> None:
    handler.send_response(200 if body is not None else 404)
    handler.send_header("Content-Length", str(len(body or b"")))
    handler.end_headers()
    handler.wfile.write(body or b"")


def says(body: bytes | None) -> Lie:
    """Answer something else."""
    return lambda handler: send(handler, body)


def endless(handler: BaseHTTPRequestHandler) -> None:
    """Send and send."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100_000):
        handler.wfile.write(b"x" * 65536)


def trickle(handler: BaseHTTPRequestHandler) -> None:
    """Send a byte now and then, never long enough apart to look dead."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(1000):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.05)


@contextmanager
def open_depot(folder: Path, room: Room) -> Iterator[Depot]:
    """Run a server on a free port, with a certificate of an authority of its own."""
    now = datetime.now(UTC) - timedelta(hours=1)
    root = authority.make_root("Test root", "Test", LIFE, now)
    key = authority.new_key()
    leaf = authority.make_leaf(
        root, key.public_key(), ("127.0.0.1",), usage=authority.SERVER, life=LIFE, now=now
    )
    pem, ca_file = folder / "server.pem", folder / "ca.crt"
    pem.write_bytes(authority.certificate_pem(leaf) + authority.key_pem(key))
    ca_file.write_bytes(authority.certificate_pem(root.certificate))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                depot.answer(self)
            except OSError:
                self.close_connection = True  # the phone hung up

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    depot = Depot(room, ca_file, f"https://127.0.0.1:{server.server_port}/firmware/")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield depot
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)

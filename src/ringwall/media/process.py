"""The media server as a process: what it is made of, how it starts and ends."""

import gc
import logging
import signal
import sys
import time

from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings
from ringwall.media import realtime
from ringwall.media.clock import Clock
from ringwall.media.control.desk import Desk
from ringwall.media.control.listeners import TlsListener, unix_listener
from ringwall.media.control.recording import Recording
from ringwall.media.control.server import Server
from ringwall.media.engine import Engine
from ringwall.media.files import Files
from ringwall.media.ports import Ports
from ringwall.media.prompts import Prompts

log = logging.getLogger(__name__)

_SWITCH_SECONDS = 0.0005  # how long the other thread may keep the interpreter
_STOP_SECONDS = 5.0


def run(layout: Layout, settings: Settings, number: int) -> None:
    """Serve until SIGTERM. OSError when the socket cannot be made."""
    media = settings.media
    files = Files(_files_thread)
    first, last = media.ports_of(number)
    engine = Engine(
        Ports(media.media_address, first, last),
        files,
        silent_seconds=media.silent_seconds,
    )
    recording = Recording(files, layout.recordings)
    relays = frozenset(media.relays or (settings.address,))
    desk = Desk(
        engine,
        Prompts(files),
        recording,
        address=media.media_address,
        process=number,
        relays=lambda host, port: (
            host in relays and settings.ports.rtp_first <= port <= settings.ports.rtp_last
        ),
    )
    engine.tell = desk.tell
    server = Server(desk)
    server.listen(unix_listener(layout.media_socket(number)))
    if media.control_port:
        tls = TlsListener(layout, settings, number)
        server.listen(tls.socket, tls.wrap, tls.check)
    clock = Clock(engine, server.poll, server)
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda _number, _frame: clock.stop())
    files.start()
    in_time = realtime.begin()
    sys.setswitchinterval(_SWITCH_SECONDS)
    # What is loaded now stays for good. Nothing on the tick makes cycles, so the collector has little to do.
    gc.collect()
    gc.freeze()
    log.info(
        "The media server serves on ports %d to %d of %s, %s",
        *(first, last, media.media_address, "in real time" if in_time else "without real-time scheduling"),
    )
    clock.run()
    desk.end_all()
    _finish(files)
    server.close()
    engine.close()
    layout.media_socket(number).unlink(missing_ok=True)


def _files_thread() -> None:
    realtime.begin(realtime.FILES_PRIORITY)


def _finish(files: Files) -> None:
    """Wait until the recorders' files are closed."""
    until = time.monotonic() + _STOP_SECONDS
    while files.busy and time.monotonic() < until:
        files.collect()
        time.sleep(0.01)
    if not files.stop(_STOP_SECONDS):
        log.warning("The disk did not take everything that was recorded")

"""The media server as a process: what it is made of, how it starts and ends."""

import gc
import logging
import signal
import sys
import time
from pathlib import Path

from ringwall.infra.errors import RingwallError, SettingsError
from ringwall.infra.layout import Layout
from ringwall.infra.logs import configure
from ringwall.infra.settings import Settings
from ringwall.media.clock import Clock
from ringwall.media.control.desk import Desk
from ringwall.media.control.listeners import TlsListener, unix_listener
from ringwall.media.control.recording import Recording
from ringwall.media.control.recording_files import RecordingFiles
from ringwall.media.control.server import Server
from ringwall.media.engine import Engine
from ringwall.media.files import Files
from ringwall.media.ports import Ports
from ringwall.media.prompts import Prompts
from ringwall.media.realtime import Parked

log = logging.getLogger(__name__)

_SWITCH_SECONDS = 0.0005  # how long the other thread may keep the interpreter
_STOP_SECONDS = 5.0


def serve(data: Path, number: int, threads: tuple[Parked, Parked]) -> int:
    """Run a media server on a data directory; 1 with a sentence in the log when it cannot start."""
    configure(f"media-{number}")
    try:
        layout = Layout.of(data)
        settings = Settings.load(layout)
        if not 1 <= number <= settings.media.processes:
            raise SettingsError(
                f"There are {settings.media.processes} media servers, and none of number {number}."
            )
        run(layout, settings, number, threads)
    except (RingwallError, OSError) as error:
        log.error("the media server cannot run: %s", error)  # noqa: TRY400 - the sentence is the message
        return 1
    return 0


def run(layout: Layout, settings: Settings, number: int, threads: tuple[Parked, Parked]) -> None:
    """Serve until SIGTERM, with a thread for media and one for files. OSError without a socket."""
    media = settings.media
    media_thread, files_thread = threads
    files = Files(files_thread)
    first, last = media.ports_of(number)
    engine = Engine(
        Ports(media.media_address, first, last),
        files,
        silent_seconds=media.silent_seconds,
    )
    recording = Recording(files, RecordingFiles(layout.recordings))
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
    sys.setswitchinterval(_SWITCH_SECONDS)
    # What is loaded now stays for good. Nothing on the tick makes cycles, so the collector has little to do.
    gc.collect()
    gc.freeze()
    log.info("The media server serves on ports %d to %d of %s", first, last, media.media_address)
    media_thread.start(clock.run)
    media_thread.join()
    desk.end_all()
    _finish(files)
    server.close()
    engine.close()
    layout.media_socket(number).unlink(missing_ok=True)


def _finish(files: Files) -> None:
    """Wait until the recorders' files are closed."""
    until = time.monotonic() + _STOP_SECONDS
    while files.busy and time.monotonic() < until:
        files.collect()
        time.sleep(0.01)
    if not files.stop(_STOP_SECONDS):
        log.warning("The disk did not take everything that was recorded")

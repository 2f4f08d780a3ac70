"""``python -m ringwall.edge.watch --data DIR``: renews certificates in good time.

Every hour it looks, and whatever goes wrong it looks again: a renewal that fails has two thirds of a life, a
month, to succeed before anybody notices.
"""

import argparse
import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from signal import SIGINT, SIGTERM, signal
from types import FrameType

from ringwall.edge import certificates
from ringwall.infra.errors import RingwallError
from ringwall.infra.layout import Layout
from ringwall.infra.logs import configure
from ringwall.infra.settings import Settings

log = logging.getLogger("ringwall.edge.watch")

HOUR = 3600.0


def look(layout: Layout) -> list[str]:
    """Look once, renew what is due and return what was done; what fails is logged and tried again."""
    try:
        # Read anew each time: names may have changed since.
        done = certificates.renew_if_due(layout, Settings.load(layout))
    except RingwallError as error:
        log.error("Certificates were not renewed: %s", error)  # noqa: TRY400 - the sentence is the message
        return []
    except Exception:
        log.exception("Certificates were not renewed")
        return []
    if done:
        log.info("Renewed: %s", ", ".join(done))
    return done


def watch(look_once: Callable[[], object], stopped: threading.Event, seconds: float = HOUR) -> None:
    """Look now and then every ``seconds``, until ``stopped`` is set."""
    while True:
        look_once()
        if stopped.wait(seconds):
            return


def main() -> int:
    """Watch until told to stop; 1 when the data directory is none."""
    parser = argparse.ArgumentParser(
        prog="ringwall.edge.watch", description="Renews Ringwall's certificates."
    )
    parser.add_argument("--data", type=Path, required=True, help="the data directory")
    configure("certificates")
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    for number in (SIGTERM, SIGINT):
        signal(number, stop)
    try:
        layout = Layout.of(parser.parse_args().data)
    except RingwallError as error:
        log.error("%s", error)  # noqa: TRY400 - the sentence is the message
        return 1
    watch(lambda: look(layout), stopped)
    return 0


if __name__ == "__main__":
    sys.exit(main())

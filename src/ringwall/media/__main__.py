"""``python -m ringwall.media --data DIR [--number N]``: one media server."""

import argparse
import logging
import os
import sys
from pathlib import Path

from ringwall.infra.errors import RingwallError
from ringwall.infra.layout import Layout
from ringwall.infra.logs import configure
from ringwall.infra.media_settings import MOST_MEDIA_PROCESSES
from ringwall.infra.settings import Settings
from ringwall.media.process import run

log = logging.getLogger("ringwall.media")


def main() -> int:
    """Serve until told to stop; 1 when it cannot start."""
    parser = argparse.ArgumentParser(prog="ringwall.media", description="The media server of Ringwall.")
    parser.add_argument("--data", type=Path, required=True, help="the data directory")
    parser.add_argument("--number", type=int, default=1, help="which of the media servers this is (1)")
    given = parser.parse_args()
    if not 1 <= given.number <= MOST_MEDIA_PROCESSES:
        parser.error(f"--number is 1 to {MOST_MEDIA_PROCESSES}")
    # Recordings and the socket are for the core's group, and for nobody else.
    os.umask(0o027)
    configure(f"media-{given.number}")
    try:
        layout = Layout.of(given.data)
        run(layout, Settings.load(layout), given.number)
    except (RingwallError, OSError) as error:
        log.error("the media server cannot run: %s", error)  # noqa: TRY400 - the sentence is the message
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

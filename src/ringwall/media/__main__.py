"""``python -m ringwall.media --data DIR [--number N]``: one media server."""

import argparse
import os
import sys
from pathlib import Path

from ringwall.media import realtime
from ringwall.media.realtime import Parked


def main() -> int:
    """Serve until told to stop; 1 when it cannot start."""
    parser = argparse.ArgumentParser(prog="ringwall.media", description="The media server of Ringwall.")
    parser.add_argument("--data", type=Path, required=True, help="the data directory")
    parser.add_argument("--number", type=int, default=1, help="which of the media servers this is (1)")
    given = parser.parse_args()
    # Recordings and the socket are for the core's group, and for nobody else.
    os.umask(0o027)
    threads = Parked("media", realtime.PRIORITY), Parked("files", realtime.FILES_PRIORITY)
    realtime.leave()
    # Only now, outside of real-time scheduling, what takes long to load.
    from ringwall.media.process import serve  # noqa: PLC0415

    return serve(given.data, given.number, threads)


if __name__ == "__main__":
    sys.exit(main())

"""The core's process: call control, registrar, directory, ledger and API; listens on a unix socket only."""

import argparse
import asyncio
import gc
import logging
import signal
import sys
from pathlib import Path

import uvloop

from ringwall.core.only_one import only_one
from ringwall.core.process import Core
from ringwall.infra.errors import RingwallError
from ringwall.infra.layout import Layout
from ringwall.infra.logs import configure
from ringwall.infra.settings import Settings

log = logging.getLogger(__name__)


async def _run(layout: Layout, settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    core = await Core.start(layout, settings)
    # What is loaded now stays for good: the collector need not look at it again while calls come in.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    try:
        await stop.wait()
    finally:
        await core.stop()


def main() -> int:
    """Run until SIGTERM; exit code 0, or 1 with a sentence on standard error when it cannot start."""
    parser = argparse.ArgumentParser(prog="ringwall.core")
    parser.add_argument("--data", type=Path, required=True, help="the data directory")
    layout = Layout.of(parser.parse_args().data)
    configure("core")
    try:
        settings = Settings.load(layout)
        with only_one(layout):
            uvloop.run(_run(layout, settings))
    except RingwallError as error:
        log.error("the core cannot run: %s", error)  # noqa: TRY400 - the sentence says it all
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

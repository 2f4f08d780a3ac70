"""``python -m ringwall.edge.pnp --data DIR``: plug and play as a process."""

import argparse
import asyncio
import logging
import signal
import sys
from contextlib import suppress
from pathlib import Path

from ringwall.edge.pnp.listener import serve
from ringwall.infra.errors import RingwallError
from ringwall.infra.layout import Layout
from ringwall.infra.logs import configure
from ringwall.infra.settings import Settings

log = logging.getLogger("ringwall.edge.pnp")


async def _serve(settings: Settings) -> None:
    loop = asyncio.get_running_loop()
    task = loop.create_task(serve(settings))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with suppress(asyncio.CancelledError):
        await task


def main() -> int:
    """Listen until told to stop; 1 when the settings cannot be read."""
    parser = argparse.ArgumentParser(prog="ringwall.edge.pnp", description="Tells new phones where to ask.")
    parser.add_argument("--data", type=Path, required=True, help="the data directory")
    configure("pnp")
    try:
        asyncio.run(_serve(Settings.load(Layout.of(parser.parse_args().data))))
    except RingwallError as error:
        log.error("%s", error)  # noqa: TRY400 - the sentence is the message
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

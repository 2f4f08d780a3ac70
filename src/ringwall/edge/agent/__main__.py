"""``python -m ringwall.edge.agent --data DIR``: the edge agent as a process."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import uvloop

from ringwall.edge.agent.server import Agent
from ringwall.infra.errors import RingwallError
from ringwall.infra.layout import Layout
from ringwall.infra.logs import configure
from ringwall.infra.settings import Settings

log = logging.getLogger("ringwall.edge.agent")


async def _serve(agent: Agent) -> None:
    loop = asyncio.get_running_loop()
    task = loop.create_task(agent.run())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with suppress(asyncio.CancelledError):
        await task


def main() -> int:
    """Run the agent until it is told to stop; 1 when it cannot start."""
    parser = argparse.ArgumentParser(prog="ringwall.edge.agent", description="The edge agent of Ringwall.")
    parser.add_argument("--data", type=Path, required=True, help="the data directory")
    # Nothing that this process makes is for others; its sockets get their group from their folder.
    os.umask(0o007)
    configure("agent")
    try:
        layout = Layout.of(parser.parse_args().data)
        uvloop.run(_serve(Agent(layout, Settings.load(layout))))
    except (RingwallError, OSError) as error:
        log.error("%s", error)  # noqa: TRY400 - the sentence is the message
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

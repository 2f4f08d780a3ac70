"""What the image of the reference phone starts; `--help` names the arguments, which the loader hands on."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from ringwall.infra.errors import RingwallError
from ringwall.infra.logs import configure
from ringwall.phone.control import Control
from ringwall.phone.handset import Handset
from ringwall.phone.keys import Keys
from ringwall.phone.loader_link import LoaderLink


async def _run(args: argparse.Namespace) -> None:
    loader = await LoaderLink.open()
    handset = Handset(args.folder, loader, server=args.server, address=args.address)
    control = Control(args.control or args.folder / "control.sock", Keys(handset))
    await control.start()
    work = asyncio.current_task()
    assert work is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel)
    try:
        if args.headless:
            await handset.run()
        else:
            # Only here: a phone without a display needs no Textual.
            from ringwall.phone.screen import show  # noqa: PLC0415

            await show(handset)
    except asyncio.CancelledError:
        pass  # asked to end
    finally:
        await control.close()
        loader.close()


def main() -> int:
    """Run until SIGTERM; exit code 0, or 1 with a sentence in the log."""
    parser = argparse.ArgumentParser(prog="ringwall.phone.app")
    parser.add_argument("--folder", type=Path, required=True, help="what the phone keeps")
    parser.add_argument("--server", help="the server's https address; without it the network is asked")
    parser.add_argument("--address", help="the phone's own address, where the host has several")
    parser.add_argument("--headless", action="store_true", help="no display: keys by the control socket")
    parser.add_argument("--control", type=Path, help="the control socket; DIR/control.sock if left out")
    args = parser.parse_args()
    with (args.folder / "phone.log").open("a", encoding="utf-8") as log_file:
        configure("phone", stream=log_file)
        try:
            asyncio.run(_run(args))
        except RingwallError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

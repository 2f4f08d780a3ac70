"""``ringwall phone make`` and ``run``: the reference desk phone (P5)."""

import asyncio
import shutil
import signal
from pathlib import Path
from typing import Annotated

import typer

from ringwall.cli.output import DATA_DEFAULT, DataOption, JsonOption, Output
from ringwall.infra.errors import RingwallError
from ringwall.infra.files import read_limited
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings
from ringwall.phone.boot import factory
from ringwall.phone.boot.loader import Loader, folder_of
from ringwall.phone.boot.made import Wish
from ringwall.phone.boot.memory import Memory

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The phone's own folder.")]


def make(
    folder: Folder,
    root: Annotated[Path, typer.Option("--root", help="root.json, which the phone trusts for ever.")],
    image: Annotated[str, typer.Option("--image", help="Its first image, as `firmware list` shows it.")],
    url: Annotated[
        str | None, typer.Option("--url", help="https://SERVER/firmware/; this system's if left out.")
    ] = None,
    authority: Annotated[
        Path | None,
        typer.Option("--authority", help="The server's root certificate; this system's if left out."),
    ] = None,
    mac: Annotated[str | None, typer.Option("--mac", help="Its MAC address; made up if left out.")] = None,
    identity: Annotated[
        Path | None, typer.Option("--identity", help="PEM of its factory certificate and key.")
    ] = None,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Make a reference phone: what it trusts goes in, and its first image, verified."""
    layout = Layout.of(data)
    if url is None:
        settings = Settings.load(layout)
        url = f"https://{settings.address}:{settings.ports.https}/firmware/"
    place = folder_of(str(folder))
    memory = factory.make(
        place,
        vendor="ringwall",
        model="reference",
        root=read_limited(root),
        authority=read_limited(authority or layout.ca_certificate),
        mac=mac,
        identity=read_limited(identity) if identity is not None else None,
    )
    try:
        name = factory.load_first_image(memory, Wish(url, image))
    except RingwallError:
        shutil.rmtree(place, ignore_errors=True)  # else it would be half a phone
        raise
    made = memory.factory()
    Output(as_json=as_json).result(
        {"folder": str(place), "mac": made.mac, "image": str(name)},
        f"Made the phone {made.mac} with {name}: `./ringwall phone run {folder}` plugs it in.",
    )


def run(
    folder: Folder,
    server: Annotated[
        str | None,
        typer.Option("--server", help="The server's https address; without it the network is asked."),
    ] = None,
    address: Annotated[str | None, typer.Option("--address", help="The phone's own address.")] = None,
    headless: Annotated[
        bool, typer.Option("--headless", help="No display: keys by FOLDER/app/control.sock.")
    ] = False,
) -> None:
    """Plug a reference phone in: its loader verifies and starts it. Ctrl-Q unplugs it."""
    memory = Memory(folder_of(str(folder)))
    arguments = [
        *(["--headless"] if headless else []),
        *(["--server", server] if server else []),
        *(["--address", address] if address else []),
    ]
    loader = Loader(memory, memory.factory(), arguments=tuple(arguments))
    if not asyncio.run(_until_stopped(loader)):
        raise RingwallError(
            "The phone has no image that may be started, and none can be fetched.", code="firmware"
        )


async def _until_stopped(loader: Loader) -> bool:
    loop = asyncio.get_running_loop()
    running = asyncio.create_task(loader.run())
    stopping: list[asyncio.Task[None]] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, lambda: stopping.append(asyncio.create_task(loader.stop())))
    return await running


def register(app: typer.Typer) -> None:
    """Add the commands to the group `phone`."""
    app.command()(make)
    app.command()(run)

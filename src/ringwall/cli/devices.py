"""``ringwall device``: the phones of users."""

from typing import Annotated, Any

import typer

from ringwall.cli.client import ask
from ringwall.cli.output import DATA_DEFAULT, DataOption, JsonOption, Output
from ringwall.infra.layout import Layout

app = typer.Typer(help="Devices: add, list, remove.", no_args_is_help=True)


@app.command()
def add(
    extension: Annotated[str, typer.Argument(metavar="USER", help="The user's extension.")],
    label: Annotated[str, typer.Option("--label", help="What to call the device.")] = "phone",
    legacy: Annotated[
        bool, typer.Option("--legacy", help="The phone knows no SHA-256: let it sign in with MD5 too.")
    ] = False,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Add a device and print, this one time, what its phone has to be told."""
    arguments = {"extension": extension, "label": label, "legacy": legacy}
    device = ask(Layout.of(data), "device.add", arguments)
    Output(as_json=as_json).result(device, _credentials(device))


@app.command(name="list")
def list_devices(
    extension: Annotated[str | None, typer.Argument(metavar="[USER]", help="Only this user's.")] = None,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """List devices."""
    devices = ask(Layout.of(data), "device.list", {"extension": extension})
    Output(as_json=as_json).table(
        ("device", "user", "label", "legacy"),
        [
            (each["device"], each["extension"], each["label"], "yes" if each["legacy"] else "no")
            for each in devices
        ],
        {"devices": devices},
        "There are no devices: ./ringwall device add USER adds one.",
    )


@app.command()
def remove(
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="Its name in ./ringwall device list.")],
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Remove a device; it is signed out at once and its credentials are worthless."""
    removed = ask(Layout.of(data), "device.remove", {"device": device})
    text = f"Removed {removed['device']} ({removed['label']}) of {removed['extension']}."
    Output(as_json=as_json).result(removed, text)


def _credentials(device: dict[str, Any]) -> str:
    facts = (
        ("Server", f"{device['server']}  port {device['port']}  transport {device['transport'].upper()}"),
        ("SIP domain", device["domain"]),
        ("SIP user", device["sip_user"]),
        ("Auth user", device["auth_user"]),
        ("Password", device["password"]),
        ("CA file", device["ca_file"]),
    )
    lines = [f"  {name.ljust(10)}  {value}" for name, value in facts]
    head = (
        f"Added a device for {device['extension']}. Enter this at the phone; the password is not shown again."
    )
    return "\n".join([head, *lines])

"""``ringwall user``: who can be called."""

from typing import Annotated

import typer

from ringwall.cli.client import ask
from ringwall.cli.output import DATA_DEFAULT, DataOption, JsonOption, Output, format_table
from ringwall.infra.layout import Layout

app = typer.Typer(help="Users: add, list, show, remove.", no_args_is_help=True)

Extension = Annotated[str, typer.Argument(metavar="EXTENSION", help="2 to 8 digits, such as 201.")]


@app.command()
def add(
    extension: Extension,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help='The name that others see, such as "Anna Berg".')
    ],
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Add a user."""
    user = ask(Layout.of(data), "user.add", {"extension": extension, "name": name})
    text = (
        f"Added {user['extension']} {user['name']}. "
        f"Next: ./ringwall device add {user['extension']}, which makes credentials for a phone."
    )
    Output(as_json=as_json).result(user, text)


@app.command(name="list")
def list_users(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """List all users."""
    users = ask(Layout.of(data), "user.list")
    Output(as_json=as_json).table(
        ("extension", "name", "devices"),
        [(user["extension"], user["name"], len(user["devices"])) for user in users],
        {"users": users},
        "There are no users yet: ./ringwall user add 201 NAME adds one.",
    )


@app.command()
def show(extension: Extension, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Show a user and its devices."""
    user = ask(Layout.of(data), "user.show", {"extension": extension})
    rows = [(each["device"], each["label"], "yes" if each["legacy"] else "no") for each in user["devices"]]
    devices = format_table(("device", "label", "legacy"), rows) if rows else "No devices."
    Output(as_json=as_json).result(user, f"{user['extension']} {user['name']}\n{devices}")


@app.command()
def remove(extension: Extension, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Remove a user with all its devices; its phones are signed out at once."""
    user = ask(Layout.of(data), "user.remove", {"extension": extension})
    text = f"Removed {user['extension']} {user['name']} and {len(user['devices'])} devices."
    Output(as_json=as_json).result(user, text)

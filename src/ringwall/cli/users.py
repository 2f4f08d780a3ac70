"""``ringwall user``: who can be called."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ringwall.cli import pins
from ringwall.cli.client import ask
from ringwall.cli.forms import argument, given_values, options, with_options
from ringwall.cli.output import DATA_DEFAULT, DataOption, JsonOption, Output, format_table
from ringwall.cli.sheets import add_sheets
from ringwall.core.rights.kinds import USER_SETTINGS
from ringwall.core.rights.settings import to_text
from ringwall.infra.layout import Layout

app = typer.Typer(help="Users: add, set, list, show, remove, pin, import, export.", no_args_is_help=True)
app.add_typer(pins.app, name="pin")
add_sheets(app, "user", "users", f"extension, {', '.join(one.name for one in USER_SETTINGS)}")

Extension = Annotated[str, typer.Argument(metavar="EXTENSION", help="2 to 8 digits, such as 201.")]
_EXTENSION = argument("extension", "EXTENSION", "2 to 8 digits, such as 201.")
_MORE = tuple(one for one in USER_SETTINGS if one.name != "name")


def _add(data: Path, as_json: bool, extension: str, user_name: str, **given: Any) -> None:
    """Add a user. Without a group it may call inside and emergency numbers."""
    asked = {**given_values(_MORE, given), "extension": extension, "name": user_name}
    user = ask(Layout.of(data), "user.add", asked)
    text = (
        f"Added {user['extension']} {user['name']}. "
        f"Next: ./ringwall user pin reset {user['extension']}, a PIN to log in with at a desk phone, "
        f"or ./ringwall device add {user['extension']}, credentials for a phone that is set up by hand."
    )
    Output(as_json=as_json).result(user, text)


_NAME = argument("user_name", "NAME", 'The name that others see, such as "Anna Berg".')
app.command("add")(with_options(_add, _EXTENSION, _NAME, *options(_MORE, fresh=True)))


def _set(data: Path, as_json: bool, extension: str, **given: Any) -> None:
    """Change a user: group, site, name, numbers; what is not given stays. The next call meets the change."""
    asked = {**given_values(USER_SETTINGS, given), "extension": extension}
    user = ask(Layout.of(data), "user.set", asked)
    Output(as_json=as_json).result(user, f"{user['extension']} {user['name']}\n{_rights(user)}")


app.command("set")(with_options(_set, _EXTENSION, *options(USER_SETTINGS, fresh=False)))


@app.command(name="list")
def list_users(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """List all users."""
    users = ask(Layout.of(data), "user.list")
    Output(as_json=as_json).table(
        ("extension", "name", "group", "site", "devices"),
        [
            (user["extension"], user["name"], user["group"], user["site"], len(user["devices"]))
            for user in users
        ],
        {"users": users},
        "There are no users yet: ./ringwall user add 201 NAME adds one.",
    )


@app.command()
def show(extension: Extension, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Show a user and its devices."""
    user = ask(Layout.of(data), "user.show", {"extension": extension})
    rows = [(each["device"], each["label"], "yes" if each["legacy"] else "no") for each in user["devices"]]
    devices = format_table(("device", "label", "legacy"), rows) if rows else "No devices."
    text = f"{user['extension']} {user['name']}\n{_rights(user)}\n{devices}"
    Output(as_json=as_json).result(user, text)


def _rights(user: Mapping[str, Any]) -> str:
    rows = [(one.option, to_text(user[one.name]), one.help) for one in _MORE]
    return format_table(("setting", "value", "meaning"), rows)


@app.command()
def remove(extension: Extension, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Remove a user with all its devices; its phones are signed out at once."""
    user = ask(Layout.of(data), "user.remove", {"extension": extension})
    text = f"Removed {user['extension']} {user['name']} and {len(user['devices'])} devices."
    Output(as_json=as_json).result(user, text)

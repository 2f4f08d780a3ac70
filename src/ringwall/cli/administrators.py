"""``ringwall admin``: who signs in to administer the system, and with which role.

A password is asked for unseen, read from standard input, or made and printed once; it is never an argument.
Whoever is root on this host can give anybody a new one.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from ringwall.cli.client import ask
from ringwall.cli.forms import ask_secret
from ringwall.cli.output import DATA_DEFAULT, DataOption, JsonOption, Output
from ringwall.core.identity.permissions import ADMINISTRATIVE, Role
from ringwall.infra.layout import Layout

app = typer.Typer(
    help="Whoever administers the system: add, list, role, password, remove.", no_args_is_help=True
)

_ROLES = ", ".join(str(role) for role in Role if role in ADMINISTRATIVE)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name to sign in with.")]
RoleOption = Annotated[str, typer.Option("--role", metavar="ROLE", help=f"One of {_ROLES}.")]
AskOption = Annotated[
    bool,
    typer.Option(
        "--ask-password",
        help="Ask for the password twice, or read it from standard input, instead of making one.",
    ),
]


@app.command()
def add(
    name: Name,
    role: RoleOption,
    ask_password: AskOption = False,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Add somebody who signs in to administer the system; print their password, this one time."""
    asked = {"name": name, "role": role, **_password(ask_password=ask_password)}
    made = ask(Layout.of(data), "admin.add", asked)
    Output(as_json=as_json).result(made, f"Added {name} as {made['role']}.{_once(made)}")


@app.command(name="list")
def list_all(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """List who may sign in, with which role, and how many sessions they have."""
    listed = ask(Layout.of(data), "admin.list")
    Output(as_json=as_json).table(
        ("name", "role", "added", "password since", "sessions"),
        [
            (one["name"], one["role"], one["created_at"], one["password_set_at"], one["sessions"])
            for one in listed
        ],
        {"administrators": listed},
        "Nobody may sign in.",
    )


@app.command(name="role")
def set_role(
    name: Name,
    role: Annotated[str, typer.Argument(metavar="ROLE", help=f"One of {_ROLES}.")],
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Give somebody another role; their sessions end at once."""
    shown = ask(Layout.of(data), "admin.role", {"name": name, "role": role})
    Output(as_json=as_json).result(shown, f"{name} is {shown['role']} from now on, and has to sign in again.")


@app.command()
def password(
    name: Name, ask_password: AskOption = False, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False
) -> None:
    """Give somebody a new password, also where the old one is lost; their sessions end at once."""
    made = ask(Layout.of(data), "admin.password", {"name": name, **_password(ask_password=ask_password)})
    Output(as_json=as_json).result(made, f"{name} has a new password and has to sign in again.{_once(made)}")


@app.command()
def remove(name: Name, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Remove somebody; their sessions end at once. The last administrator stays."""
    shown = ask(Layout.of(data), "admin.remove", {"name": name})
    Output(as_json=as_json).result(shown, f"Removed {name}.")


def _password(*, ask_password: bool) -> dict[str, str]:
    return {"password": ask_secret("password")} if ask_password else {}


def _once(made: Mapping[str, Any]) -> str:
    if made["password"] is None:
        return ""
    return f" The password is {made['password']}. It is not shown again."

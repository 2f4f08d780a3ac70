"""``ringwall mail``: what Ringwall sends by mail, and what could not be delivered."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from ringwall.cli.client import ask
from ringwall.cli.forms import ask_secret
from ringwall.cli.output import DATA_DEFAULT, DataOption, JsonOption, Output, format_table
from ringwall.infra.layout import Layout

app = typer.Typer(
    help="Outgoing mail: show, list, test, retry, remove, password. The server is set in ringwall.toml.",
    no_args_is_help=True,
)

Mail = Annotated[str, typer.Argument(metavar="MAIL", help="The id that `mail list` shows.")]


@app.command()
def show(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Show whether mail can be sent, and how much waits."""
    shown = ask(Layout.of(data), "mail.show")
    Output(as_json=as_json).result(shown, _state(shown))


@app.command(name="list")
def list_all(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """List what waits and what could not be delivered."""
    listed = ask(Layout.of(data), "mail.list")
    Output(as_json=as_json).table(
        ("mail", "to", "about", "state", "since", "tries", "why"),
        [
            (
                one["mail"],
                one["to"],
                one["about"],
                one["state"],
                _moment(one["created_at"]),
                one["attempts"],
                one["why"],
            )
            for one in listed
        ],
        {"mail": listed},
        "No mail waits.",
    )


@app.command(name="test")
def send_test(
    to: Annotated[str, typer.Argument(metavar="ADDRESS", help="Where the test goes.")],
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Send a test."""
    made = ask(Layout.of(data), "mail.test", {"to": to})
    text = f"Queued {made['mail']}. `ringwall mail show` says whether the server takes it."
    Output(as_json=as_json).result(made, text)


@app.command()
def retry(mail: Mail, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Try a message now, also one that was given up."""
    made = ask(Layout.of(data), "mail.retry", {"mail": mail})
    Output(as_json=as_json).result(made, f"{made['mail']} to {made['to']} is tried now.")


@app.command()
def remove(mail: Mail, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Take a message out of the queue."""
    made = ask(Layout.of(data), "mail.remove", {"mail": mail})
    Output(as_json=as_json).result(made, f"Removed {made['mail']} to {made['to']}.")


@app.command()
def password(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Set the password of the login: asked for, or read from standard input."""
    shown = ask(Layout.of(data), "mail.password", {"password": ask_secret("password")})
    Output(as_json=as_json).result(shown, "The password is set.")


def _state(shown: dict[str, Any]) -> str:
    if not shown["server"]:
        return "There is no mail server: set it in ringwall.toml below [mail]."
    rows = [
        ("server", f"{shown['server']} ({shown['security']})"),
        ("sender", shown["sender"]),
        ("login", "yes" if shown["login"] else "none"),
        ("works", "yes" if shown["ok"] else f"no: {shown['detail']}"),
        ("waiting", str(shown["waiting"])),
        ("undelivered", str(shown["undelivered"])),
    ]
    return format_table(("mail", ""), rows)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")

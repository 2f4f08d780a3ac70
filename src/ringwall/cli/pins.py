"""``ringwall user pin``: the PIN by which a user logs in at a phone and opens the mailbox."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from ringwall.cli.client import ask
from ringwall.cli.forms import ask_secret
from ringwall.cli.output import DATA_DEFAULT, DataOption, JsonOption, Output
from ringwall.infra.layout import Layout

app = typer.Typer(help="PINs: show, set, reset, unlock.", no_args_is_help=True)

Extension = Annotated[str, typer.Argument(metavar="EXTENSION", help="The user's extension.")]


@app.command()
def show(extension: Extension, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Say since when a user has a PIN, how long it lasts, and whether it is locked. Nobody can see it."""
    state = ask(Layout.of(data), "user.pin.show", {"extension": extension})
    Output(as_json=as_json).result(state, _told(state))


@app.command(name="set")
def set_pin(
    extension: Extension,
    keep: Annotated[
        bool, typer.Option("--keep", help="The user need not change it at the next login.")
    ] = False,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Ask for a PIN, or read it from standard input, and give it to a user: 6 to 16 digits."""
    asked = {"extension": extension, "pin": ask_secret("PIN"), "must_change": not keep}
    state = ask(Layout.of(data), "user.pin.set", asked)
    Output(as_json=as_json).result(state, _told(state))


@app.command()
def reset(extension: Extension, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Give a user a random PIN and print it, this one time. The user has to change it at the next login."""
    state = ask(Layout.of(data), "user.pin.reset", {"extension": extension})
    text = f"The PIN of {extension} is {state['pin']} until the next login. It is not shown again."
    Output(as_json=as_json).result(state, text)


@app.command()
def unlock(extension: Extension, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Forget the wrong tries at a user's PIN, so that the user can log in again at once."""
    state = ask(Layout.of(data), "user.pin.unlock", {"extension": extension})
    Output(as_json=as_json).result(state, f"Unlocked {extension}. {_told(state)}")


def _told(state: Mapping[str, Any]) -> str:
    extension = state["extension"]
    if state["set_at"] is None:
        return f"{extension} has no PIN: ./ringwall user pin reset {extension} makes one."
    sentences = [f"{extension} has a PIN since {state['set_at']}."]
    if state["must_change"]:
        sentences.append("It has to be changed at the next login.")
    elif state["days_left"] is not None:
        sentences.append(f"It lasts for {state['days_left']} more days.")
    if state["wrong_tries"]:
        sentences.append(f"There were {state['wrong_tries']} wrong tries.")
    if state["locked_until"]:
        sentences.append(f"It is locked until {state['locked_until']}: too many wrong tries.")
    return " ".join(sentences)

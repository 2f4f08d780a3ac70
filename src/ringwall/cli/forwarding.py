"""``ringwall forwarding``: where a user's calls go that the user does not take."""

from typing import Annotated, Any

import typer

from ringwall.cli.client import ask
from ringwall.cli.output import DATA_DEFAULT, DataOption, JsonOption, Output, format_table
from ringwall.infra.layout import Layout

app = typer.Typer(
    help="Forwarding: always, when busy, when nobody answers: set, show, list, clear.", no_args_is_help=True
)

Extension = Annotated[str, typer.Argument(metavar="EXTENSION", help="Whose calls, such as 201.")]
_CASES = (
    ("always", "Always", "every call, at once"),
    ("busy", "Busy", "when the user has as many calls as allowed, or the phone says busy"),
    ("no_answer", "No answer", "when nobody answers, or no phone is signed in"),
)
_NUMBER = "An extension or a number as the user dials it; `none` takes it away."


@app.command(name="set")
def set_it(
    extension: Extension,
    always: Annotated[str | None, typer.Option(help=f"Where every call goes. {_NUMBER}")] = None,
    busy: Annotated[str | None, typer.Option(help=f"Where calls go when busy. {_NUMBER}")] = None,
    no_answer: Annotated[str | None, typer.Option(help=f"Where they go unanswered. {_NUMBER}")] = None,
    seconds: Annotated[
        str | None,
        typer.Option(help="How long the phones ring before: 5 to 120; `none`: as long as everybody's."),
    ] = None,
    find_me: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Where the user is looked for when nobody takes a call: one or two numbers with commas; who"
            " answers there presses 1 to take the call. `none` takes them away.",
        ),
    ] = None,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Change where calls go; what is not given stays. Only where the user's rights allow it."""
    asked: dict[str, Any] = {"extension": extension}
    for name, value in (("always", always), ("busy", busy), ("no_answer", no_answer)):
        if value is not None:
            asked[name] = "" if value.strip().casefold() == "none" else value.strip()
    if seconds is not None:
        if seconds.casefold() != "none" and not (seconds.isascii() and seconds.isdigit()):
            raise typer.BadParameter("has to be a whole number of seconds, or none.", param_hint="--seconds")
        asked["seconds"] = 0 if seconds.casefold() == "none" else int(seconds)
    if find_me is not None:
        numbers = [one.strip() for one in find_me.split(",") if one.strip()]
        asked["find_me"] = [] if numbers in ([], ["none"]) else numbers
    if len(asked) == 1:
        raise typer.BadParameter(
            "Give at least one of --always, --busy, --no-answer, --seconds and --find-me."
        )
    told = ask(Layout.of(data), "forwarding.set", asked)
    Output(as_json=as_json).result(told, _facts(told))


@app.command()
def show(extension: Extension, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Show where a user's calls go."""
    told = ask(Layout.of(data), "forwarding.show", {"extension": extension})
    Output(as_json=as_json).result(told, _facts(told))


@app.command(name="list")
def list_all(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """List everybody whose calls go somewhere else."""
    listed = ask(Layout.of(data), "forwarding.list")
    Output(as_json=as_json).table(
        ("extension", "always", "busy", "no answer", "seconds", "find me"),
        [
            (
                one["extension"],
                *(one[name] or None for name, _, _ in _CASES),
                one["seconds"],
                ", ".join(one["find_me"]) or None,
            )
            for one in listed
        ],
        {"forwarding": listed},
        "Nobody's calls are forwarded.",
    )


@app.command()
def clear(extension: Extension, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Take all forwarding of a user away."""
    told = ask(Layout.of(data), "forwarding.clear", {"extension": extension})
    Output(as_json=as_json).result(told, f"The calls of {extension} are not forwarded any more.")


def _facts(told: dict[str, Any]) -> str:
    rows = [(title, told[name] or "-", when) for name, title, when in _CASES]
    rows.append(("Find Me", ", ".join(told["find_me"]) or "-", "when nobody takes the call, in turn"))
    rows.append(
        ("Rings", f"{told['seconds']} s" if told["seconds"] else "as everybody's", "before no answer")
    )
    return f"forwarding of {told['extension']}\n" + format_table(("case", "to", "when"), rows)

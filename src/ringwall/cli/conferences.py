"""``ringwall conference``: the conferences of this moment, made and changed by an administrator."""

from typing import Annotated, Any

import typer

from ringwall.cli.client import ask
from ringwall.cli.output import DATA_DEFAULT, DataOption, JsonOption, Output
from ringwall.infra.layout import Layout

app = typer.Typer(help="Conferences: list them, make one, add and drop parties.", no_args_is_help=True)

Conference = Annotated[
    str, typer.Argument(metavar="CONFERENCE", help="Its name in ./ringwall conference list.")
]


@app.command(name="list")
def list_conferences(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """List the conferences and who takes part, each with the call that is their part in it."""
    found = ask(Layout.of(data), "call.conference.list")
    Output(as_json=as_json).table(
        ("conference", "started by", "party", "call"),
        [
            (each["conference"], each["starter"], party["party"], party["call"])
            for each in found
            for party in each["parties"]
        ],
        {"conferences": found},
        "There are no conferences.",
    )


@app.command()
def start(
    extension: Annotated[str, typer.Argument(metavar="EXTENSION", help="Of whose calls.")],
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Make one conference of the calls that somebody has."""
    told = ask(Layout.of(data), "call.conference.start", {"extension": extension})
    Output(as_json=as_json).result(told, f"Conference {told['conference']}: {_parties(told)}.")


@app.command()
def add(
    conference: Conference,
    number: Annotated[
        str, typer.Argument(metavar="NUMBER", help="An extension, or a number as its starter dials it.")
    ],
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Call somebody into a conference, with the rights of who started it."""
    wanted = {"conference": conference, "number": number}
    Output(as_json=as_json).result(
        ask(Layout.of(data), "call.conference.add", wanted), f"{number} is called."
    )


@app.command()
def drop(
    conference: Conference,
    call: Annotated[str, typer.Argument(metavar="CALL", help="The party's call in the list.")],
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Hang up on somebody in a conference; the others go on."""
    wanted = {"conference": conference, "call": call}
    told = ask(Layout.of(data), "call.conference.drop", wanted)
    Output(as_json=as_json).result(told, f"Dropped the call {call} from the conference.")


def _parties(told: dict[str, Any]) -> str:
    return ", ".join(party["party"] for party in told["parties"])

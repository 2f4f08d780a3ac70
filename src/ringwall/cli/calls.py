"""``ringwall call``: the calls that are up."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ringwall.cli.client import ask
from ringwall.cli.output import DATA_DEFAULT, DataOption, JsonOption, Output
from ringwall.infra.layout import Layout

app = typer.Typer(help="Calls: list them, hang one up, begin one for a user.", no_args_is_help=True)


@app.command(name="list")
def list_calls(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """List the calls that are up or being set up."""
    calls = ask(Layout.of(data), "call.list")
    Output(as_json=as_json).table(
        ("call", "state", "caller", "callee", "seconds", "SRTP"),
        [_row(call) for call in calls],
        {"calls": calls},
        "There are no calls.",
    )


@app.command()
def hangup(
    call: Annotated[str, typer.Argument(metavar="CALL", help="Its name in ./ringwall call list.")],
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """End a call."""
    ended = ask(Layout.of(data), "call.hangup", {"call": call})
    Output(as_json=as_json).result(ended, f"Ended the call {call}.")


@app.command()
def move(
    call: Annotated[str, typer.Argument(metavar="CALL", help="Its name in ./ringwall call list.")],
    to: Annotated[str, typer.Argument(metavar="WHERE", help="room (the media server) or relay.")],
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Move the media of a call of two to the media server or back, while both talk."""
    moved = ask(Layout.of(data), "call.move", {"call": call, "to": to})
    Output(as_json=as_json).result(moved, f"The call {call} is joined by a {moved['joined']}.")


@app.command()
def feature(
    extension: Annotated[str, typer.Argument(metavar="EXTENSION", help="In whose name.")],
    name: Annotated[str, typer.Argument(metavar="FEATURE", help="intercom, 'whisper page', page or pickup.")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="To whom; for page the paging group.")],
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Call a user's own phone and do something with a call in the user's name."""
    wanted = {"extension": extension, "feature": name, "target": target}
    begun = ask(Layout.of(data), "call.feature", wanted)
    Output(as_json=as_json).result(begun, f"The phone of {extension} is called first; then {name} {target}.")


Of = Annotated[str, typer.Argument(metavar="EXTENSION", help="Whose call it is.")]
By = Annotated[str, typer.Option(metavar="EXTENSION", help="Who watches; their phones are called.")]


@app.command()
def monitor(of: Of, by: By, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Let somebody listen to a call, heard by nobody."""
    _watch("monitor", of, by, data, as_json)


@app.command()
def coach(of: Of, by: By, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Let somebody listen to a call, heard by the one whose call it is."""
    _watch("coach", of, by, data, as_json)


@app.command()
def barge(of: Of, by: By, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Let somebody take part in a call."""
    _watch("barge", of, by, data, as_json)


@app.command()
def leave(of: Of, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """End the watching of a call; the call goes on."""
    told = ask(Layout.of(data), "call.leave", {"of": of})
    Output(as_json=as_json).result(told, f"{told['by']} does not watch the call of {of} any more.")


@app.command()
def record(
    of: Of,
    by: Annotated[str | None, typer.Option(metavar="EXTENSION", help="Who records; else that user.")] = None,
    stop: Annotated[bool, typer.Option("--stop", help="End the recording.")] = False,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Record a call into a mailbox, or end that."""
    told = ask(Layout.of(data), "call.stop-recording" if stop else "call.record", {"of": of, "by": by})
    done = "is not recorded any more" if stop else f"is recorded into the mailbox {told['mailbox']}"
    Output(as_json=as_json).result(told, f"The call of {of} {done}.")


def _watch(mode: str, of: str, by: str, data: Path, as_json: bool) -> None:
    told = ask(Layout.of(data), "call.watch", {"of": of, "by": by, "mode": mode})
    done = "The phones of {by} ring." if told["state"] == "calling" else "{by} goes on as {mode}."
    Output(as_json=as_json).result(told, done.format(**told))


def _row(call: dict[str, Any]) -> tuple[object, ...]:
    suites = [suite for suite in call.get("suites") or () if suite]
    return (
        call["call"],
        call["state"],
        call["caller"],
        call["callee"] or call.get("dialled"),
        call.get("seconds"),
        ", ".join(dict.fromkeys(suites)) or None,
    )

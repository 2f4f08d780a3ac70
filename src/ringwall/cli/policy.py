"""``ringwall policy``: why a call goes out or not, and what in the rights opens a fraud path."""

from typing import Annotated, Any

import typer

from ringwall.cli.client import ask
from ringwall.cli.output import DATA_DEFAULT, DataOption, JsonOption, Output
from ringwall.infra.layout import Layout

app = typer.Typer(help="Class of service: explain a decision, find fraud paths.", no_args_is_help=True)


@app.command()
def explain(
    user: Annotated[str, typer.Argument(metavar="USER", help="The user's extension.")],
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The number as it would be dialled.")],
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="When, such as 2026-11-23T18:30:00Z; else now.")
    ] = None,
    path: Annotated[
        str,
        typer.Option(
            "--path",
            help="dial, originate, transfer, attended, forward, forward-busy, forward-no-answer, findme,"
            " assignment, conference, callback, notify or failover.",
        ),
    ] = "dial",
    phone: Annotated[str | None, typer.Option("--phone", help="The phone that the user is at.")] = None,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Say what would happen to a call, step by step, and which rule decides; nothing is called."""
    asked = {"user": user, "number": number, "at": at, "path": path, "phone": phone}
    told = ask(Layout.of(data), "policy.explain", asked)
    Output(as_json=as_json).result(told, _explanation(told))


@app.command()
def lint(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Find what opens a fraud path or is not what it seems; exit code 1 for high and critical ones."""
    told = ask(Layout.of(data), "policy.lint", timeout=60.0)
    text = "\n".join(
        f"{one['severity'].upper():<8}  {one['where']}: {one['what']}\n          {one['cure']}  [{one['id']}]"
        for one in told["findings"]
    )
    Output(as_json=as_json).result(told, text or "Nothing was found.")
    if told["severe"]:
        raise typer.Exit(1)


def _explanation(told: dict[str, Any]) -> str:
    verdict = "ALLOWED" if told["allowed"] else "DENIED"
    what = f" ({told['canonical']}, {told['class']})" if told["canonical"] else ""
    lines = [f"{verdict}: {told['path']} {told['number']}{what} by {told['user']}", told["because"], ""]
    width = max((len(step["check"]) for step in told["steps"]), default=0)
    lines += [
        f"{place:>3}. {step['check'].ljust(width)}  {step['result']}"
        for place, step in enumerate(told["steps"], 1)
    ]
    lines += ["", f"Rule: {told['rule']}"]
    if told["allowed"]:
        lines += [f"Trunk groups, in this order: {', '.join(told['trunk_groups'])}"] * bool(
            told["trunk_groups"]
        )
        lines += [f"Ends after {told['seconds']} seconds at the latest."] * bool(told["seconds"])
    else:
        lines.append(f"Heard: {told['heard']}")
        if told["code"] != "disabled":
            lines.append(f"An authorization code would be asked for ({told['code']}).")
    return "\n".join(lines)

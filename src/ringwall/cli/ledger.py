"""``ringwall ledger``: prove the record of what happened, read it.

Asks the running system; where none runs, the database is read as it lies there, and never written to.
"""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from ringwall.cli.client import ask
from ringwall.cli.output import DATA_DEFAULT, DataOption, JsonOption, Output, print_line
from ringwall.infra.errors import UnavailableError
from ringwall.infra.layout import Layout

app = typer.Typer(help="The ledger: verify it, follow it.", no_args_is_help=True)

_VERIFY_SECONDS = 3600.0
_POLL_SECONDS = 0.5


@app.command()
def verify(
    database: Annotated[
        Path | None, typer.Option("--database", metavar="FILE", help="Verify this copy of a database.")
    ] = None,
    public_key: Annotated[
        str | None,
        typer.Option("--public-key", metavar="HEX", help="The key that must have signed it, as once noted."),
    ] = None,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Prove that no record was changed, removed or put in, or name the first one that was."""
    layout = Layout.of(data)
    if database is None and public_key is None:
        try:
            verdict = ask(layout, "ledger.verify", timeout=_VERIFY_SECONDS)
        except UnavailableError:
            verdict = _verify_offline(layout, None, None)
    else:
        verdict = _verify_offline(layout, database, public_key)
    Output(as_json=as_json).result(verdict, _verdict(verdict))
    if not verdict["ok"]:
        raise typer.Exit(1)


@app.command()
def acknowledge(
    reason: Annotated[
        str,
        typer.Argument(metavar="REASON", help="Why it is known, such as: restored from the backup of 3 May."),
    ],
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Put on record that you know of all that was found wrong, and why. It stays remembered."""
    told = ask(Layout.of(data), "ledger.acknowledge", {"reason": reason})
    lines = [f"Acknowledged, and on record: {_mismatch(each)}" for each in told["acknowledged"]]
    Output(as_json=as_json).result(told, "\n".join(lines))


@app.command()
def tail(
    after: Annotated[int | None, typer.Option("--after", min=0, help="Records behind this number.")] = None,
    limit: Annotated[int, typer.Option("--lines", "-n", min=1, max=1000, help="How many.")] = 20,
    kind: Annotated[
        str | None, typer.Option("--kind", help="Only this kind, such as call.ended; admin. is all of admin.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new records.")] = False,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Show the last records; with --json and --follow, one JSON object a line."""
    layout = Layout.of(data)
    asked = {"after": after, "limit": limit, "kind": kind}
    try:
        told = ask(layout, "ledger.tail", asked)
    except UnavailableError:
        if follow:
            raise
        told = _tail_offline(layout, after, limit, kind)
    if as_json and not follow:
        Output(as_json=True).result(told)
        return
    while True:
        for record in told["records"]:
            print_line(json.dumps(record, ensure_ascii=False) if as_json else _line(record))
        if not follow:
            return
        if not told["records"]:
            time.sleep(_POLL_SECONDS)
        told = ask(layout, "ledger.tail", {"after": told["after"], "limit": 1000, "kind": kind})


def _verify_offline(layout: Layout, database: Path | None, public_key: str | None) -> dict[str, Any]:
    # What reads the database takes longer to load than most commands take to run.
    from ringwall.cli import ledger_offline  # noqa: PLC0415

    return ledger_offline.verify(layout, database, public_key)


def _tail_offline(layout: Layout, after: int | None, limit: int, kind: str | None) -> dict[str, Any]:
    from ringwall.cli import ledger_offline  # noqa: PLC0415  (as above)

    return ledger_offline.tail(layout, after, limit, kind)


def _verdict(verdict: dict[str, Any]) -> str:
    opened = [each for each in verdict["mismatches"] if each["acknowledged"] is None]
    if verdict["finding"] is not None:
        head = f"THE LEDGER IS NOT AS IT WAS WRITTEN. {verdict['finding']['text']}"
    elif opened:
        head = "THE LEDGER WAS NOT AS IT WAS WRITTEN. It fits together now, but what was found stays."
    else:
        head = f"The ledger is whole: {verdict['records']} records, {verdict['checkpoints']} checkpoints."
    lines = [head, f"Looked up to record {verdict['seq']}, hash {verdict['hash']}"]
    for mark in verdict["marks"]:
        state = {True: "as it says", False: "MISMATCH", None: "not compared"}[mark["ok"]]
        where = "" if mark["seq"] is None else f", record {mark['seq']} at {mark['at']}"
        why = "" if mark["ok"] else f": {mark['text']}"
        lines.append(f"Mark kept in {mark['place']}{where}: {state}{why}")
    lines += [f"Found once: {_mismatch(each)}" for each in verdict["mismatches"]]
    if opened:
        lines.append("When you know why: ./ringwall ledger acknowledge REASON")
    return "\n".join([*lines, f"Public key {verdict['public_key']}"])


def _mismatch(found: dict[str, Any]) -> str:
    known = found["acknowledged"]
    note = "" if known is None else f" Acknowledged at {known['at']} by {known['by']}: {known['reason']}"
    return f"{found['at']}, {found['place']}: {found['text']}{note}"


def _line(record: dict[str, Any]) -> str:
    body = json.dumps(record["body"], ensure_ascii=False, separators=(",", ":"))
    line = f"{record['seq']:>8}  {record['at']}  {record['kind']:<24}  {body}"
    # Records hold words of strangers, such as the name of a phone's program: none of it may steer a terminal.
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in line)

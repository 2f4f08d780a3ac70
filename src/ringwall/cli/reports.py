"""``ringwall report``: past calls, denied calls and the use of authorization codes, out of the ledger."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from ringwall.cli.client import ask
from ringwall.cli.output import DATA_DEFAULT, DataOption, JsonOption, Output, print_line
from ringwall.infra.layout import Layout

app = typer.Typer(help="Reports: authorization codes, calls, denied calls.", no_args_is_help=True)

_SECONDS = 300.0
_SUMMARY = {
    "authcodes": ("code", "code_name", "caller", "group", "calls", "seconds", "first", "last"),
    "calls": ("caller", "group", "calls", "seconds", "first", "last"),
    "denied": ("caller", "group", "rule", "calls", "first", "last"),
}
_DETAIL = {
    "authcodes": ("at", "caller", "dialled", "code", "code_name", "group", "rule", "seconds"),
    "calls": ("at", "caller", "dialled", "code", "code_name", "group", "rule", "trunk", "seconds"),
    "denied": ("at", "caller", "dialled", "code", "code_name", "group", "rule", "why"),
}


def _report(name: str, told: str) -> None:
    def report(
        detail: Annotated[bool, typer.Option("--detail", help="One row for each call.")] = False,
        user: Annotated[str, typer.Option("--user", metavar="EXTENSION", help="Only this caller.")] = "",
        code: Annotated[str, typer.Option("--code", metavar="AUTHCODE", help="Only with this code.")] = "",
        begin: Annotated[
            str | None, typer.Option("--from", metavar="TIME", help="2026-11-23 or 2026-11-23T18:30:00Z.")
        ] = None,
        end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Before this time.")] = None,
        limit: Annotated[int, typer.Option("--lines", "-n", min=1, max=10_000, help="At most.")] = 10_000,
        after: Annotated[int, typer.Option("--after", min=0, help="Go on behind this record.")] = 0,
        as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, for a spreadsheet.")] = False,
        data: DataOption = DATA_DEFAULT,
        as_json: JsonOption = False,
    ) -> None:
        asked = {
            "begin": begin,
            "end": end,
            "code": code,
            "user": user,
            "detail": detail,
            "limit": limit,
            "after": after,
        }
        found = ask(Layout.of(data), f"report.{name}", asked, timeout=_SECONDS)
        columns = (_DETAIL if detail else _SUMMARY)[name]
        output = Output(as_json=as_json)
        if as_csv and not as_json:
            print_line(_csv(columns, found["rows"]))
        else:
            heading = [column.replace("_", " ") for column in columns]
            rows = [[_cell(row.get(column)) for column in columns] for row in found["rows"]]
            output.table(heading, rows, found, "There are no such calls.")
        if found["after"] is not None:
            output.progress(f"There are more: --after {found['after']} goes on.")

    report.__doc__ = told
    app.command(name)(report)


_report("authcodes", "Calls that carried an authorization code, by code and user.")
_report("calls", "Calls that ended, by user.")
_report("denied", "Calls that were refused, by user and rule.")


def _cell(value: object) -> str | None:
    """Show a value; what strangers dialled must not steer the terminal."""
    if value in (None, ""):
        return None
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in str(value))


def _csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_safe(row.get(column)) for column in columns] for row in rows)
    return file.getvalue().rstrip("\n")


def _safe(value: object) -> object:
    """Keep a spreadsheet from running what somebody dialled or is called as a formula."""
    text = "" if value is None else str(value)
    formula = text[:1] in ("=", "@", "\t", "\r") or (text[:1] in ("+", "-") and not text[1:].isdigit())
    return f"'{text}" if formula else text

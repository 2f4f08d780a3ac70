"""What the commands print: text for people, or one JSON object for programs.

Results go to standard output; progress and errors of the text form go to standard error, so that a result
can be piped. With ``--json`` nothing but JSON is printed on standard output.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ringwall.infra.errors import RefusedError, RingwallError
from ringwall.infra.layout import DEFAULT_DATA

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")]
DataOption = Annotated[
    Path,
    typer.Option("--data", metavar="DIR", envvar="RINGWALL_DATA", help="The system's data directory."),
]
DATA_DEFAULT = DEFAULT_DATA


class Output:
    """Prints in the form that the caller asked for."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def result(self, value: Mapping[str, Any] | Sequence[Any], text: str | None = None) -> None:
        """Print a result: ``value`` as JSON, or ``text`` (or a plain listing of ``value``) for people."""
        if self.as_json:
            print_line(json.dumps(value, ensure_ascii=False, default=str))
        elif text is not None:
            print_line(text)
        else:
            rows = value.items() if isinstance(value, Mapping) else ((item,) for item in value)
            for row in rows:
                print_line("  ".join(str(part) for part in row))

    def table(
        self, columns: Sequence[str], rows: Iterable[Sequence[object]], value: object, empty: str = "None."
    ) -> None:
        """Print ``value`` as JSON, or ``rows`` as an aligned table; ``empty`` when there are none."""
        if self.as_json:
            print_line(json.dumps(value, ensure_ascii=False, default=str))
            return
        lines = [["-" if cell is None else str(cell) for cell in row] for row in rows]
        print_line(format_table(columns, lines) if lines else empty)

    def progress(self, text: str) -> None:
        """Say what is being done, to people only."""
        if not self.as_json:
            sys.stderr.write(f"  {text}\n")
            sys.stderr.flush()

    def error(self, error: RingwallError) -> None:
        """Print an error: one sentence, or its object."""
        if self.as_json:
            told: dict[str, Any] = {"code": error.code, "message": str(error)}
            if isinstance(error, RefusedError) and error.field:
                told["field"] = error.field
            print_line(json.dumps({"ok": False, "error": told}, ensure_ascii=False))
        else:
            sys.stderr.write(f"ringwall: {error}\n")
            sys.stderr.flush()


def print_line(text: str) -> None:
    """Write one line to standard output at once: whoever reads a pipe waits for it."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def format_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows below their headings, columns aligned to the left, two blanks between them."""
    lines = [list(columns), *map(list, rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )

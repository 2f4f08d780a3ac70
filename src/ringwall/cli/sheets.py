"""``import`` and ``export`` of ``ringwall user``, ``authcode`` and ``range``: CSV files."""

from pathlib import Path
from typing import Annotated

import typer

from ringwall.cli.client import ask
from ringwall.cli.forms import read_text
from ringwall.cli.output import DATA_DEFAULT, DataOption, JsonOption, Output
from ringwall.infra.files import write_atomically
from ringwall.infra.layout import Layout

_SECONDS = 300.0


def add_sheets(app: typer.Typer, word: str, what: str, columns: str) -> None:
    """Add import and export of what the operations call `word`."""

    def take(
        file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file; - is standard input.")],
        data: DataOption = DATA_DEFAULT,
        as_json: JsonOption = False,
    ) -> None:
        counts = ask(Layout.of(data), f"{word}.import", {"csv": read_text(file)}, timeout=_SECONDS)
        told = f"{counts['added']} added, {counts['changed']} changed, {counts['same']} as they were."
        Output(as_json=as_json).result(counts, told)

    def give(
        file: Annotated[
            Path | None, typer.Argument(metavar="[FILE]", help="Where to; left out, standard output.")
        ] = None,
        data: DataOption = DATA_DEFAULT,
        as_json: JsonOption = False,
    ) -> None:
        told = ask(Layout.of(data), f"{word}.export", timeout=_SECONDS)
        output = Output(as_json=as_json)
        if file is None:
            output.result(told, told["csv"].rstrip("\n"))
            return
        write_atomically(file, told["csv"].encode(), mode=0o600)
        output.result({"file": str(file), "lines": told["lines"]}, f"{told['lines']} {what} are in {file}.")

    take.__doc__ = (
        f"Add and change {what} as a CSV file says: all of it, or nothing where a line is wrong."
        f" Columns: {columns}. A column that is missing stays as it is; an empty cell is the default."
    )
    give.__doc__ = f"Write all {what} as a CSV file, which import takes again."
    app.command("import")(take)
    app.command("export")(give)

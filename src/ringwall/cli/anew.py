"""``ringwall begin-anew``: moves everything of a system aside, so that the next ``up`` makes a new one."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ringwall.cli import starting
from ringwall.cli.output import DATA_DEFAULT, DataOption, JsonOption, Output
from ringwall.infra import host, wholeness
from ringwall.infra.errors import DataError
from ringwall.infra.files import sync_directory
from ringwall.infra.layout import Layout

_WORDS = "begin anew"


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command(name=wholeness.ANEW)(begin_anew)


def begin_anew(
    data: DataOption = DATA_DEFAULT,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Move everything of the system aside, keep its settings, and let the next `up` make a new one."""
    host.require_root()
    layout, output = Layout.of(data), Output(as_json=as_json)
    moved = [path for path in _belongings(layout) if path.exists()]
    if not moved:
        raise DataError(f"There is no system in {layout.data}: `./ringwall up` makes one.")
    layout.run.mkdir(mode=0o700, exist_ok=True)
    with starting.locked(layout):
        starting.refuse_running(layout)
        if not yes:
            _confirm(layout)
        aside = layout.data / f"aside-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
        aside.mkdir(mode=0o700)
        for path in moved:
            path.rename(aside / path.name)
        sync_directory(aside)
        sync_directory(layout.data)
    output.result(
        {"ok": True, "aside": str(aside), "moved": [path.name for path in moved]},
        f"The old system is in {aside}, which nothing reads: keep it or remove it.\n"
        f"`./ringwall up --data {layout.data}` makes a new one. Phones have to be set up again, and to trust"
        " its new root.",
    )


def _belongings(layout: Layout) -> tuple[Path, ...]:
    """All that is made by and for one system; settings and vendors' authorities are the owner's."""
    return (
        *(layout.core, layout.pki, layout.edge, layout.media, layout.recordings),
        layout.ca_certificate,
    )


def _confirm(layout: Layout) -> None:
    sys.stderr.write(
        f"Users, devices, messages and the ledger of {layout.data} will be used no more.\n"
        f'Type "{_WORDS}" to go on: '
    )
    sys.stderr.flush()
    if sys.stdin.readline().strip() != _WORDS:
        raise DataError("Nothing was changed.")

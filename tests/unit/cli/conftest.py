"""What the tests of the command line share."""

import asyncio
import io
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

import ringwall.cli
from ringwall.core.setup import set_up
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings
from support.core_data import make_tables


@pytest.fixture
def layout():
    """A data directory with a short name: unix sockets must fit below it. Its folders are there, all ours."""
    folder = Path(tempfile.mkdtemp(prefix="rw-"))
    layout = Layout.of(folder)
    for path in (layout.run, layout.log, layout.pki, layout.haproxy, layout.core_run):
        path.mkdir(parents=True)
    yield layout
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def data():
    """A data directory with a short name, set up as by the first run; nothing runs."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        layout = Layout(Path(folder))
        layout.core_run.mkdir(parents=True)
        settings = Settings.for_address("192.0.2.10")
        settings.save(layout)
        make_tables(layout.database)
        asyncio.run(set_up(layout, settings))
        yield layout


@pytest.fixture
def ringwall_on(monkeypatch, capsys):
    """Run `ringwall ARGUMENTS` on a data directory and return its exit code and what it printed."""

    def run(layout, *arguments, typed=None):
        monkeypatch.setattr(sys, "argv", ["ringwall", *arguments, "--data", str(layout.data)])
        if typed is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed.encode())))
        with pytest.raises(SystemExit) as ended:
            ringwall.cli.main()
        told = capsys.readouterr()
        return ended.value.code or 0, told.out, told.err

    return run

"""What the tests of the command line share."""

import shutil
import tempfile
from pathlib import Path

import pytest

from ringwall.infra.layout import Layout


@pytest.fixture
def layout():
    """A data directory with a short name: unix sockets must fit below it. Its folders are there, all ours."""
    folder = Path(tempfile.mkdtemp(prefix="rw-"))
    layout = Layout.of(folder)
    for path in (layout.run, layout.log, layout.pki, layout.haproxy, layout.core_run):
        path.mkdir(parents=True)
    yield layout
    shutil.rmtree(folder, ignore_errors=True)

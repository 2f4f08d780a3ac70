"""The layout: paths in one place, and sockets whose names fit."""

import re
import socket
from pathlib import Path

import pytest

from ringwall.infra.errors import LayoutError
from ringwall.infra.layout import SOCKET_PATH_LIMIT, Layout


def test_every_path_lies_in_the_data_directory():
    layout = Layout.of("/var/lib/ringwall")
    properties = [name for name, value in vars(Layout).items() if isinstance(value, property)]
    paths = [getattr(layout, name) for name in properties if name != "sockets"]
    assert len(paths) > 30
    assert all(path.is_relative_to("/var/lib/ringwall") for path in (*paths, *layout.sockets))
    assert len(set(paths)) == len(paths)


def test_a_relative_directory_becomes_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Layout.of("x").data == tmp_path / "x"


def test_the_longest_directory_still_has_room_for_sockets_and_one_more_has_not():
    with pytest.raises(LayoutError) as caught:
        Layout.of("/" + "x" * 150)
    most = int(re.search(r"at most (\d+) are", str(caught.value))[1])
    layout = Layout.of("/" + "x" * (most - 1))
    assert max(len(str(path)) for path in layout.sockets) < SOCKET_PATH_LIMIT
    # HAProxy binds NAME.PID.tmp first.
    assert len(f"{layout.haproxy_socket}.4194304.tmp") < SOCKET_PATH_LIMIT
    with pytest.raises(LayoutError):
        Layout.of("/" + "x" * most)


def test_the_limit_is_that_of_the_kernel(tmp_path):
    def bind(length):
        name = tmp_path / "x"
        path = Path(str(name) + "x" * (length - len(str(name))))
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(path))

    bind(SOCKET_PATH_LIMIT - 1)
    with pytest.raises(OSError, match="too long"):
        bind(SOCKET_PATH_LIMIT + 1)

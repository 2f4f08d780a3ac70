"""Beginning anew moves everything of a system aside and removes nothing."""

import json
import os

import pytest

from ringwall.infra import wholeness

pytestmark = [
    pytest.mark.req("R2"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root begins anew"),
]


def _aside(layout):
    (aside,) = layout.data.glob("aside-*")
    return aside


def test_everything_is_moved_aside_and_the_settings_stay(data, ringwall_on) -> None:
    database, settings = data.database.read_bytes(), data.settings_file.read_bytes()
    code, out, _ = ringwall_on(data, "begin-anew", "--yes", "--json")
    assert code == 0
    told = json.loads(out)
    assert told["moved"] == ["core"]
    assert told["aside"] == str(_aside(data))
    assert (_aside(data) / "core" / "ringwall.db").read_bytes() == database
    assert _aside(data).stat().st_mode & 0o777 == 0o700
    assert data.settings_file.read_bytes() == settings
    assert wholeness.state(data) == wholeness.NEW
    assert ringwall_on(data, "begin-anew", "--yes")[0] == 1  # there is nothing left


@pytest.mark.parametrize(("typed", "code"), [("begin anew\n", 0), ("yes\n", 1), ("", 1)])
def test_it_asks_first(data, ringwall_on, typed, code) -> None:
    assert ringwall_on(data, "begin-anew", typed=typed)[0] == code
    assert data.database.exists() is bool(code)

"""The renewal loop survives whatever goes wrong."""

import threading

import pytest

from ringwall.edge import certificates, watch
from ringwall.infra.errors import PkiError
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings


@pytest.fixture
def layout(tmp_path) -> Layout:
    layout = Layout.of(tmp_path)
    Settings.for_address("192.0.2.7").save(layout)
    return layout


@pytest.mark.req("T7")
@pytest.mark.parametrize("error", [PkiError("no key"), OSError("disk"), KeyError("x"), ZeroDivisionError()])
def test_an_error_is_told_and_survived(layout, monkeypatch, caplog, error) -> None:
    def fail(*_: object) -> list[str]:
        raise error

    monkeypatch.setattr(certificates, "renew_if_due", fail)
    assert watch.look(layout) == []
    assert "not renewed" in caplog.text


def test_settings_that_cannot_be_read_are_told_and_survived(layout, caplog) -> None:
    layout.settings_file.write_text("nonsense")
    assert watch.look(layout) == []
    assert "not renewed" in caplog.text


def test_what_was_renewed_is_returned(layout, monkeypatch) -> None:
    monkeypatch.setattr(certificates, "renew_if_due", lambda *_: ["world"])
    assert watch.look(layout) == ["world"]


def test_it_looks_at_once_and_again_until_it_is_stopped() -> None:
    stopped = threading.Event()
    looks = []

    def look() -> None:
        looks.append(len(looks))
        if len(looks) == 3:
            stopped.set()

    watch.watch(look, stopped, 0.0)
    assert looks == [0, 1, 2]

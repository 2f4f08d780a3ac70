"""The phone's HTTPS: one authority, its own certificate, answers with a bound."""

import pytest

from ringwall.phone import server as module
from ringwall.phone.server import Server, ServerError
from support.depot import open_depot, says
from support.firmware import Room


@pytest.fixture
def depot(tmp_path):
    with open_depot(tmp_path, Room()) as opened:
        opened.lies = {"": says(b'{"a": 1}')}
        yield opened


@pytest.mark.req("T1")
async def test_the_server_is_known_by_its_certificate_or_nothing_is_said(depot, tmp_path) -> None:
    server = Server(depot.url, depot.ca_file, "Ringwall reference 1.0")
    assert await server.ask("GET", "/x") == (200, b'{"a": 1}')
    other = tmp_path / "other"
    other.mkdir()
    with open_depot(other, Room()) as stranger, pytest.raises(ServerError, match="cannot be reached"):
        await Server(depot.url, stranger.ca_file, "x").ask("GET", "/x")
    with pytest.raises(ServerError, match="cannot be reached"):
        await Server(depot.url.replace("127.0.0.1", "localhost"), depot.ca_file, "x").ask("GET", "/x")
    for url in ("http://127.0.0.1/", "ftp://x", "", "https:///x"):
        with pytest.raises(ServerError, match="no https address"):
            Server(url, depot.ca_file, "x")


async def test_an_answer_without_end_is_cut_off(depot, monkeypatch) -> None:
    monkeypatch.setattr(module, "LARGEST_ANSWER", 4)
    with pytest.raises(ServerError, match="too long"):
        await Server(depot.url, depot.ca_file, "x").ask("GET", "/x")

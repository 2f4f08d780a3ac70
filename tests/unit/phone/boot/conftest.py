"""A phone that lives from version 1.0.0, and the server that it asks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ringwall.phone.boot import factory
from ringwall.phone.boot.made import Wish
from support.depot import Depot, open_depot
from support.firmware import Room
from support.handset import Handset, path_of, probe


@pytest.fixture
def room() -> Room:
    return Room().begin().delegate("ringwall").delegate("ringwall/reference")


@pytest.fixture
def depot(tmp_path: Path, room: Room) -> Iterator[Depot]:
    with open_depot(tmp_path, room) as opened:
        opened.add(path_of("1.0.0"), probe("1.0.0"))
        yield opened


@pytest.fixture
def phone(tmp_path: Path, depot: Depot) -> Handset:
    root = depot.room.repository.files["root", 1]
    memory = factory.make(
        tmp_path / "phone",
        vendor="ringwall",
        model="reference",
        root=root,
        authority=depot.ca_file.read_bytes(),
    )
    factory.load_first_image(memory, Wish(depot.url, path_of("1.0.0")))
    handset = Handset(memory, depot)
    assert handset.come_up() == "1.0.0"
    return handset

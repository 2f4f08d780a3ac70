"""A world for each test."""

from collections.abc import Iterator

import pytest

from support.calls.world import World


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    try:
        assert not made.errors.records
    finally:
        made.close()

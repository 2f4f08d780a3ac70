"""A world for each test; when the test is over, nothing may be left of its calls."""

from collections.abc import Iterator

import pytest

from support.calls.world import World


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    made = World()
    yield made
    if request.session.testsfailed > getattr(request.session, "_failed_before", 0):
        request.session._failed_before = request.session.testsfailed
        made.close()
    else:
        made.finish()

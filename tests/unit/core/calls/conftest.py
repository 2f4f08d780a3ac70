"""A world for each test; when the test is over, nothing may be left of its calls."""

from collections.abc import Iterator

import pytest

from support.calls.world import World

_passed = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    if report.when == "call":
        item.stash[_passed] = report.passed
    return report


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    made = World()
    yield made
    if request.node.stash.get(_passed, False):
        made.finish()
    else:  # what a broken test leaves behind says nothing more
        made.close()

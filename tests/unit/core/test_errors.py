"""Whatever the core raises has one root, and each domain one of its own below it."""

import importlib
import inspect
import pkgutil

import ringwall.core
from ringwall.core.errors import CoreError, CoreSignal, EdgeError, EdgeRefused, EdgeUnavailable


def exceptions() -> dict[str, type[BaseException]]:
    """All exceptions that modules of the core define."""
    found = {}
    for module in pkgutil.walk_packages(ringwall.core.__path__, "ringwall.core."):
        if module.name.endswith("__main__") or ".migrations." in module.name:  # Alembic runs those
            continue
        for name, value in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(value, BaseException) and value.__module__ == module.name:
                found[f"{module.name}.{name}"] = value
    return found


def test_all_have_one_root() -> None:
    found = exceptions()
    assert len(found) > 20
    assert not [name for name, one in found.items() if not issubclass(one, CoreError | CoreSignal)]


def test_whoever_waits_for_the_edge_waits_for_one_error() -> None:
    assert issubclass(EdgeRefused, EdgeError)
    assert issubclass(EdgeUnavailable, EdgeError)

"""All operations that are declared, without a core that runs: for commands, documents and tests."""

from functools import cache
from importlib import import_module
from typing import Final

from ringwall.core.operations import Operation

_MODULES: Final = (
    "calls.operations.calls",
    "calls.operations.conferences",
    "calls.operations.features",
    "calls.operations.monitoring",
    "directory.operations",
    "firmware.operations",
    "forwarding.operations",
    "identity.operations",
    "ledger.operations",
    "mail.operations",
    "phones.operations",
    "pins.operations",
    "reports.operations",
    "rights.declarations",
    "status",
    "voicemail.operations",
)
"""The modules below this package that declare operations, each as `OPERATIONS`."""


@cache
def declared() -> tuple[Operation, ...]:
    """Return every operation, by name; the modules that declare them are imported now and not before."""
    every = [one for name in _MODULES for one in import_module(f"ringwall.core.{name}").OPERATIONS]
    return tuple(sorted(every, key=lambda one: one.name))

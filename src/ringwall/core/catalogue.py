"""All operations that are declared, without a core that runs: for commands, documents and tests."""

from functools import cache

from ringwall.core.operations import Operation


@cache
def declared() -> tuple[Operation, ...]:
    """Return every operation, by name; the modules that declare them are imported now and not before."""
    from ringwall.core.calls.operations import calls, conferences, features, monitoring  # noqa: PLC0415
    from ringwall.core.forwarding import operations as forwarding  # noqa: PLC0415
    from ringwall.core.mail import operations as mail  # noqa: PLC0415

    every = (
        *calls.OPERATIONS,
        *conferences.OPERATIONS,
        *features.OPERATIONS,
        *monitoring.OPERATIONS,
        *forwarding.OPERATIONS,
        *mail.OPERATIONS,
    )
    return tuple(sorted(every, key=lambda one: one.name))

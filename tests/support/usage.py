"""All that a ledger of use holds, so that tests can compare two of them and look for what is left over."""

from typing import Any

from ringwall.policy.usage import Use


def held_by(use: Use) -> dict[str, Any]:
    """Money spent by user and by group, calls that are up, times of calls and of wrong codes."""
    return {
        "users": {name: list(account._spent.items()) for name, account in use._users.items()},
        "groups": {name: list(account._spent.items()) for name, account in use._groups.items()},
        "live": dict(use._live),
        "calls": {key: list(times) for key, times in use._calls.items()},
        "wrong": {name: list(times) for name, times in use._wrong.items()},
    }

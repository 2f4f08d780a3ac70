"""What all unit tests stand on: how fast this machine is decides none of them, and none of them takes long."""

from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck, settings

from ringwall.core.identity import passwords

settings.register_profile("ringwall", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ringwall")


@pytest.fixture(autouse=True, scope="session")
def quick_hashes() -> Iterator[None]:
    """Passwords and PINs are hashed with little work here. How much it is otherwise, test_passwords.py says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        patch.setattr(passwords, "_decoy", [])
        yield

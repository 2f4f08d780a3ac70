"""One thread that looks at passwords and hashes new ones, at low priority.

Guessing must not take the processor away from calls, and the event loop never waits for a hash.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from ringwall.core.identity import passwords


class PasswordWorker:
    """Checks and makes hashes of passwords, one at a time; `waiting` is how many checks wait or run."""

    def __init__(self) -> None:
        self.waiting = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="passwords", initializer=passwords.step_back)

    async def check(self, stored: str | None, password: str) -> bool:
        """Whether the password is the one; without a stored hash it does the same work and says no."""
        self.waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, passwords.check_password, stored, password)
        finally:
            self.waiting -= 1

    async def hash(self, password: str) -> str:
        """Return the hash of a new password."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, passwords.hash_password, password)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

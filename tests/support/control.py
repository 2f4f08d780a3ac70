"""A core's data behind its control socket, in a thread of its own, for what asks over that socket."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from ringwall.core.control_socket import ControlSocket
from ringwall.core.directory import operations as directory_operations
from ringwall.core.directory.operations import PhoneSettings
from ringwall.core.operations import Operations
from ringwall.infra.layout import Layout
from support.core_data import REALM, Core, open_core

Offer = Callable[[Operations, Core], Awaitable[None]]


@contextmanager
def core_behind_socket(layout: Layout, offer: Offer) -> Iterator[None]:
    """Serve users, devices and what `offer(operations, core)` adds, until the end of the `with`."""
    ready, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        core = await open_core(layout.core)
        operations = Operations(core.ledger)
        phones = PhoneSettings("192.0.2.10", 5061, REALM, str(layout.ca_certificate))
        directory_operations.register(operations, core.directory, phones)
        await offer(operations, core)
        door = ControlSocket(layout.core_socket, operations)
        await door.start()
        ready.set()
        await asyncio.get_running_loop().run_in_executor(None, stop.wait)
        await door.close()
        await core.store.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(20)
        yield
    finally:
        stop.set()
        thread.join(20)

"""A mail server, and Ringwall's queue in front of it."""

import asyncio
import contextlib

import pytest

from ringwall.core.mail import MailService
from ringwall.core.mail import operations as mail_operations
from ringwall.core.operations import Operations
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings
from support.core_data import ADMIN
from support.events import Made
from support.mail_server import PASSWORD, USER, MailServer, make_certificate


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """The files of an authority, and of a certificate for 127.0.0.1."""
    return make_certificate(tmp_path_factory.mktemp("mail"))


@pytest.fixture
def server(certificate):
    server = MailServer(certificate[1])
    server.start()
    yield server
    server.stop(no_assert=True)


class Post:
    """Ringwall's mail in front of a server; `restart` is a new process on the same data."""

    def __init__(self, core, layout, settings) -> None:
        self.core, self.layout, self.settings = core, layout, settings
        self.task = None

    async def start(self, *, running=True):
        self.mail = await MailService.open(self.settings, self.layout, self.core.store, self.core.ledger)
        self.operations = Operations(self.core.ledger)
        mail_operations.register(self.operations, self.mail)
        if running:
            self.task = asyncio.get_running_loop().create_task(self.mail.run())
        return self

    async def stop(self):
        if self.task is not None:
            self.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.task

    async def run(self, name, /, **args):
        return await self.operations.run(name, args, ADMIN)

    async def until(self, met, seconds=10.0):
        async with asyncio.timeout(seconds):
            while not met():  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.01)

    async def records(self, kind):
        await self.core.ledger.record_durably(
            Made("system.test")
        )  # what was queued before is on the disk then
        return [record["body"] for record in await self.core.ledger.tail(0, 1000, kind)]


@pytest.fixture
async def post(core, tmp_path, server, certificate):
    """Mail to `server` with a login; not started yet. Keywords change the settings."""
    made = []

    def make(**mail):
        layout = Layout(tmp_path)
        layout.core.mkdir(exist_ok=True)
        if not made:
            layout.mail_password.write_text(PASSWORD)
        given = {
            "host": "127.0.0.1",
            "port": server.port,
            "username": USER,
            "sender": "ringwall@example.com",
            "authority": str(certificate[0]),
            **mail,
        }
        values = Settings.for_address("192.0.2.10").model_dump()
        settings = Settings.checked({**values, "mail": given}, "The test")
        made.append(Post(core, layout, settings))
        return made[-1]

    yield make
    for one in made:
        await one.stop()

"""The HTTP API of a core that has everything but calls, links and media, in a thread of its own."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx

from ringwall.core.api.app import create_app
from ringwall.core.calls.operations import calls
from ringwall.core.directory import operations as directory_operations
from ringwall.core.directory.operations import PhoneSettings
from ringwall.core.firmware import operations as firmware_operations
from ringwall.core.firmware.service import FirmwareService
from ringwall.core.forwarding import operations as forwarding_operations
from ringwall.core.forwarding.service import ForwardingService
from ringwall.core.identity import operations as identity_operations
from ringwall.core.ledger import operations as ledger_operations
from ringwall.core.mail import MailService
from ringwall.core.mail import operations as mail_operations
from ringwall.core.pins import operations as pin_operations
from ringwall.core.pins.owners import Owners
from ringwall.core.registrar.bindings import Bindings
from ringwall.core.reports import operations as report_operations
from ringwall.core.rights import operations as rights_operations
from ringwall.core.voicemail import operations as voicemail_operations
from ringwall.core.voicemail.opening import Ground, open_voice_mail
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings
from ringwall.infra.voicemail_settings import VoiceMail as VoiceMailSettings
from support.accounts import PASSWORD, put_account
from support.core_data import REALM, open_core
from support.phones import PIN, open_house
from support.voicemail.rig import Files

SOURCE = "203.0.113.7"


@dataclass
class Api:
    """Sends requests as an administrator, those for a mailbox as its owner; `document` is the API's."""

    client: httpx.AsyncClient
    loop: asyncio.AbstractEventLoop
    document: dict[str, Any]
    owner: str

    def send(self, method: str, url: str, headers: dict[str, str], body: bytes) -> httpx.Response:
        """Send a request and return the answer."""
        if "/api/mailbox" in url:
            headers = {"Authorization": f"Bearer {self.owner}", **headers}
        work = self.client.request(method, url, headers=headers, content=body)
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)


@contextmanager
def api_in(folder: Path) -> Iterator[Api]:
    """Serve the API of a new core in this folder until the end of the `with`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def do(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(120)

    opened = do(_open(folder))
    api, owner, core, house = opened
    try:
        yield Api(api, loop, do(api.get("/api/openapi.json")).json(), owner)
    finally:
        do(api.aclose())
        house.pins.close()
        do(core.store.close())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()


async def _open(folder: Path) -> Any:
    core = await open_core(folder)
    house = await open_house(core)
    operations, rights = house.operations, house.rights
    layout = Layout(folder / "layout")
    layout.core.mkdir(parents=True)
    mail = {"host": "mail.example.com", "sender": "ringwall@example.com"}
    settings = Settings.checked({**Settings.for_address("192.0.2.10").model_dump(), "mail": mail}, "The test")
    identity = await put_account(core)
    forwarding = await ForwardingService.open(core.store, core.ledger, core.directory, rights)
    ground = Ground(
        core.store,
        core.ledger,
        core.directory,
        rights,
        house.pins,
        Files(),
        rights.keys.derived,
        house.clock,
    )
    firmware = await FirmwareService.open(core.store, core.ledger, folder / "firmware")
    directory_operations.register(operations, core.directory, PhoneSettings("192.0.2.10", 5061, REALM, "ca"))
    rights_operations.register(operations, rights, core.directory)
    report_operations.register(operations, core.store, rights, core.directory)
    forwarding_operations.register(operations, forwarding, core.directory)
    pin_operations.register(operations, house.pins)
    identity_operations.register(operations, identity)
    mail_operations.register(operations, await MailService.open(settings, layout, core.store, core.ledger))
    voice_mail = await open_voice_mail(VoiceMailSettings(), ground)
    voicemail_operations.register(operations, voice_mail)
    firmware_operations.register(operations, firmware)
    ledger_operations.register(operations, core.store, core.ledger)
    calls.add_operations(operations, _quiet(core))
    owners = Owners(house.pins, core.directory, identity.sessions)
    app = create_app(
        operations, core.store, identity, firmware=firmware, mailboxes=(owners, voice_mail.house)
    )
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="https://test", headers={"X-Ringwall-Source": SOURCE}
    )
    answer = await client.post("/api/tokens", json={"name": "admin", "password": PASSWORD})
    client.headers["Authorization"] = f"Bearer {answer.json()['token']}"
    answer = await client.post("/api/mailbox/tokens", json={"extension": "201", "pin": PIN})
    return client, answer.json()["token"], core, house


def _quiet(core: Any) -> Any:
    """Return a switch with no calls and no devices."""
    return SimpleNamespace(calls={}, bindings=Bindings(), record=core.ledger.record, flush=lambda: None)

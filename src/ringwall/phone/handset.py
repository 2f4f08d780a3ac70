"""The phone itself: it finds its server, is let in, fetches what it is told, signs in (P1, P2, P3).

Rules that this module keeps:
- Until somebody has logged in, the phone does nothing for anybody but show how to log in. What it may do is
  the server's to decide; the phone asks again whenever it is told to, and now and then.
- It says that it is up when it has talked with the server, or has seen that the network is not there: an
  image is not given up because a cable is unplugged.
- New firmware is fetched in the background and started when nobody is on the phone.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ringwall.infra.errors import RingwallError
from ringwall.phone import discovery
from ringwall.phone.config import Config
from ringwall.phone.identity import Identity
from ringwall.phone.line import Line, LineError, Talk
from ringwall.phone.loader_link import LoaderLink
from ringwall.phone.provisioning import Answer, NotKnownError, Provisioning
from ringwall.phone.server import Server, ServerError
from ringwall.phone.signalling import Signalling, waiting_messages

log = logging.getLogger(__name__)

AGAIN_S = 3.0
"""How soon a server that is away, or does not know the phone, is asked again at first."""
AGAIN_LONGEST_S = 30.0
DAY_S = 86_400.0
SIGN_IN_AGAIN_S = 10.0


class PhoneError(RingwallError):
    """What was asked of the phone cannot be done; the text says why."""

    code = "phone"


class Handset:
    """One phone. `run` does the work until cancelled; `on_change` is called when the display is another."""

    def __init__(
        self, folder: Path, loader: LoaderLink, *, server: str | None = None, address: str | None = None
    ) -> None:
        self.loader = loader
        self.mac = str(loader.hello["mac"])
        self._ca_file = Path(loader.hello["ca_file"])
        factory = str(loader.hello.get("identity", ""))
        self._identity = Identity(folder, self.mac, Path(factory) if factory else None)
        self._given = server
        self._address = address
        self._again = asyncio.Event()
        self._up = asyncio.Event()
        self._quiet = asyncio.Event()
        self._code = ""
        self._provisioning: Provisioning | None = None
        self._server: Server | None = None
        self._signalling: Signalling | None = None
        self._work: set[asyncio.Task[None]] = set()
        self.line: Line | None = None
        self.config: Config | None = None
        self.phase = "looking for a server"
        self.text = ""
        self.lamp = (False, 0)
        self.messages: list[str] = []
        self.on_change: list[Callable[[], None]] = []

    # Life

    async def run(self) -> None:
        """Find the server, be let in, stay up to date; until cancelled."""
        try:
            pause = AGAIN_S
            while True:
                self._again.clear()
                try:
                    await self._once()
                    pause = DAY_S
                except NotKnownError as error:
                    self._show("waiting to be let in", str(error))
                    pause = AGAIN_S if pause == DAY_S else min(pause * 1.5, AGAIN_LONGEST_S)
                except RingwallError as error:
                    self._show("no server" if self.config is None else self.phase, str(error))
                    pause = AGAIN_S if pause == DAY_S else min(pause * 1.5, AGAIN_LONGEST_S)
                if not self._up.is_set():
                    await self.loader.up()
                    self._up.set()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._again.wait(), pause)
        finally:
            await self._end()

    async def _once(self) -> None:
        provisioning = self._provisioning or await self._find()
        if self._identity.pem is None or self._code:
            code, self._code = self._code, ""
            await provisioning.enrol(code=code)
        elif self._identity.is_due(time.time()):
            await provisioning.renew()
        try:
            config = await provisioning.configuration()
        except NotKnownError:
            # Once it was let in by the certificate that it has: an administrator wants it anew.
            self._identity.forget()
            self.config = None
            if self.line is not None:
                await self.line.sign_out()
            raise
        await self._take(config)

    async def _find(self) -> Provisioning:
        url = self._given
        if url is None:
            self._show("looking for a server", "")
            hello = self.loader.hello
            here = self._address or _own_address("192.0.2.1")
            url = await discovery.find(here, self.mac, hello["vendor"], hello["model"], hello["version"])
        if url is None:
            raise ServerError("No server answers on this network: `--server` names one.")
        hello = self.loader.hello
        agent = f"Ringwall {hello['model']} {hello['version']}"
        self._server = Server(url, self._ca_file, agent)
        self._address = self._address or _own_address(self._server.host)
        self._provisioning = Provisioning(self._server, self._identity, self.mac, hello["model"])
        return self._provisioning

    async def _take(self, config: Config) -> None:
        self.config = config
        self._show("ready", "")
        assert self._address is not None
        if self.line is None:
            self.line = Line(self._address, self._changed)
            await self.line.start()
        if self._signalling is None:
            server = (config.server, config.port)
            self._signalling = Signalling(self._address, server, self._ca_file, self._told)
            await self._signalling.start()
        try:
            await self.line.sign_in(config.account, self._signalling.port)
        except LineError as error:
            self.text = str(error)
            asyncio.get_running_loop().call_later(SIGN_IN_AGAIN_S, self.reload)
        if not config.assigned:
            self.lamp = (False, 0)
        self._spawn(self._look_after_firmware(config))
        self._changed()

    async def _end(self) -> None:
        for task in list(self._work):
            task.cancel()
        if self.line is not None:
            await self.line.close()
        if self._signalling is not None:
            await self._signalling.close()

    def _told(self, event: str, _content_type: str, body: bytes) -> None:
        match event:
            case "check-sync":
                self.reload()
            case "message-summary":
                self.lamp = waiting_messages(body)
            case _:
                self.messages = [*self.messages[-9:], body[:500].decode("utf-8", "replace")]
        self._changed()

    # Firmware

    async def _look_after_firmware(self, config: Config) -> None:
        await self._up.wait()
        await self._report()
        if not config.image or config.image.split("/")[2] == self.loader.version:
            return
        told = await self.loader.update(config.firmware_url, config.image)
        await self._report()
        self._changed()
        if told.get("event") == "installed":
            await self._quiet.wait()
            self.loader.restart()

    async def _report(self) -> None:
        if self._provisioning is None:
            return
        with suppress(ServerError):
            for refusal in await self.loader.refusals():
                if not await self._provisioning.report(refusal):
                    return
                self.loader.reported(1)

    # What people do

    def reload(self) -> None:
        """Fetch the configuration now."""
        self._again.set()

    def let_in(self, code: str) -> None:
        """Ask to be let in with a code that was typed."""
        self._code = code
        self.reload()

    async def login(self, extension: str, pin: str, new_pin: str = "") -> Answer:
        """Log in; raise PhoneError or ServerError where it cannot be asked.

        At a phone that nobody has let in yet, a user who logs in lets it in.
        """
        asking = self._asking()
        if self._identity.pem is None:
            await asking.enrol(extension=extension, pin=pin)
        answer = await asking.login(extension, pin, new_pin)
        self.text = answer.text
        self._changed()
        self.reload()
        return answer

    async def logout(self) -> Answer:
        """Log out; raise PhoneError or ServerError where it cannot be asked."""
        answer = await self._asking().logout()
        self.text = answer.text
        self._changed()
        self.reload()
        return answer

    async def dial(self, number: str) -> Talk:
        """Call; raise PhoneError or LineError."""
        if self.line is None:
            raise PhoneError("The phone is not ready.")
        return await self.line.dial(number)

    def talk(self, number: int | None = None) -> Talk:
        """The call with a number, or the newest one; raise PhoneError."""
        for talk in reversed(self.line.talks if self.line is not None else []):
            if number is None or talk.number == number:
                return talk
        raise PhoneError("There is no such call.")

    async def press(self, button: int) -> None:
        """Press the button with this number, from 1; raise PhoneError or LineError."""
        buttons = self.config.buttons if self.config is not None else ()
        if not 1 <= button <= len(buttons):
            raise PhoneError("There is no such button.")
        await self.dial(buttons[button - 1].dial)

    def _asking(self) -> Provisioning:
        if self._provisioning is None:
            raise PhoneError("The phone has no server yet.")
        return self._provisioning

    # The display

    def shown(self) -> dict[str, Any]:
        """Everything that the display may show, as plain values."""
        config, line = self.config, self.line
        return {
            "mac": self.mac,
            "version": self.loader.version,
            "phase": self.phase,
            "text": self.text,
            "server": self._server.origin if self._server is not None else None,
            "state": config.state if config is not None else None,
            "user": {"extension": config.extension, "name": config.name}
            if config and config.assigned
            else None,
            "signed_in": line is not None and line.signed_in,
            "why_not": line.why_not if line is not None else "",
            "lamp": {"on": self.lamp[0], "new": self.lamp[1]},
            "messages": self.messages,
            "buttons": [one.label for one in config.buttons] if config is not None else [],
            "firmware": list(self.loader.told),
            "calls": [
                {"number": one.number, "peer": one.peer, "state": one.state, "why": one.why}
                for one in (line.talks if line is not None else [])
            ],
            "last_call": {"peer": line.last.peer, "why": line.last.why} if line and line.last else None,
        }

    def _show(self, phase: str, text: str) -> None:
        self.phase, self.text = phase, text
        self._changed()

    def _changed(self) -> None:
        if self.line is not None and self.line.talks:
            self._quiet.clear()
        else:
            self._quiet.set()
        for listener in self.on_change:
            listener()

    def _spawn(self, work: Awaitable[None]) -> None:
        async def run() -> None:
            try:
                await work
            except (RingwallError, OSError, TimeoutError) as error:
                log.warning("%s", error)

        task = asyncio.get_running_loop().create_task(run())
        self._work.add(task)
        task.add_done_callback(self._work.discard)


def _own_address(towards: str) -> str:
    """The address of this host on the way to another one; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((towards, 9))
        except OSError as error:
            raise ServerError(f"There is no way to {towards}: {error.strerror}.") from None
        address: str = probe.getsockname()[0]
        return address

"""A reference phone in a process of its own: plugged in by our command, used by its control socket."""

import asyncio
import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ringwall.cli.demo.phones import PhoneError
from ringwall.cli.demo.tones import heard
from ringwall.cli.starting import python_path
from ringwall.infra.errors import RingwallError
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings
from ringwall.phone.control import press

_NEAR_HZ = 20
_STOP_S = 20.0
_LOOK_S = 0.1

Shown = dict[str, Any]


class PluggedPhone:
    """One phone in a folder: `make` is the factory, `plug_in` the desk."""

    def __init__(self, layout: Layout, settings: Settings, folder: Path) -> None:
        self._layout = layout
        self._settings = settings
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self.mac = ""

    @property
    def server(self) -> str:
        """The address that a vendor's redirect service would give the phone."""
        return f"https://{self._settings.address}:{self._settings.ports.phones}/phone/"

    def make(self, root: Path, image: str) -> None:
        """Make it; raise PhoneError with what the command says."""
        asked = ["phone", "make", str(self.folder), "--root", str(root), "--image", image, "--json"]
        done = subprocess.run(  # noqa: S603 - our own command
            [*_COMMAND, *asked, "--data", str(self._layout.data)],
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise PhoneError(f"The phone cannot be made: {done.stdout}{done.stderr}")
        self.mac = str(json.loads(done.stdout)["mac"])

    def plug_in(self, *, find: bool = False) -> None:
        """Give it power and a network; with `find` it has to find its server by itself."""
        asked = ["phone", "run", str(self.folder), "--headless", "--address", self._settings.address]
        asked += [] if find else ["--server", self.server]
        with (self.folder / "loader.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - as above
                [*_COMMAND, *asked], cwd="/", env=_environment(), stdout=log, stderr=log
            )

    def unplug(self) -> None:
        """Take its power away."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(_STOP_S)
            self.process = None

    async def key(self, operation: str, **told: Any) -> Shown:
        """Press a key; return what the display shows. Raise RingwallError with what the phone says."""
        return await press(self.folder / "app" / "control.sock", operation, **told)

    async def shows(self, wanted: Callable[[Shown], Any], what: str, seconds: float = 30) -> Shown:
        """Wait until the display shows something; raise PhoneError with what it shows instead."""
        shown: Shown = {}
        for _ in range(int(seconds / _LOOK_S)):
            try:
                shown = await self.key("state")
                if wanted(shown):
                    return shown
            except (RingwallError, OSError):
                pass  # it is starting
            await asyncio.sleep(_LOOK_S)
        raise PhoneError(f"{what}: not within {seconds:.0f} s. It shows {shown}. {self.log()}")

    async def hears(self, hertz: float, seconds: float = 8.0) -> None:
        """Wait until the call carries a tone; raise PhoneError where it does not."""
        found = None
        for _ in range(int(seconds / (2 * _LOOK_S))):
            await asyncio.sleep(2 * _LOOK_S)
            found = heard(base64.b64decode((await self.key("heard"))["pcm"]))
            if found is not None and abs(found - hertz) <= _NEAR_HZ:
                return
        raise PhoneError(f"the reference phone hears {found or 'no'} Hz instead of {hertz:.0f} Hz")

    @property
    def identity(self) -> Path:
        """Its certificate and key, for whoever wants to abuse them."""
        return self.folder / "app" / "identity.pem"

    def log(self) -> str:
        """Its last words."""
        parts = (self.folder / "loader.log", self.folder / "app" / "phone.log")
        return "\n".join(path.read_text()[-1500:] for path in parts if path.exists())


_COMMAND = (sys.executable, "-m", "ringwall")


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": python_path()}

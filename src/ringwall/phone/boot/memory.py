"""What the phone keeps on its disk: state, slots, what the update client has seen, refusals to be told.

rom/       root.json, phone.json, ca.crt: what it was made with; the loader only reads them
slots/a,b  an image each, with the chain of signatures from the root on
trust/     the update client's memory
state.json, refusals.json
app/       what the application keeps: the loader does not look into it
"""

import json
import logging
import time
from pathlib import Path
from typing import Any

from ringwall.infra.errors import LayoutError
from ringwall.infra.files import read_limited, write_atomically
from ringwall.infra.firmware import FirmwareError, check_model, check_vendor
from ringwall.phone.boot.errors import RefusedError
from ringwall.phone.boot.made import Factory, Wish
from ringwall.phone.boot.slots import Slot, State

log = logging.getLogger(__name__)

MOST_REFUSALS = 50
_LARGEST = 256 * 1024


class Memory:
    """The folder of one phone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trust = folder / "trust"
        self.app = folder / "app"
        self._state_file = folder / "state.json"
        self._refusals_file = folder / "refusals.json"
        self._wish_file = folder / "wish.json"
        self.state = self._read_state()

    def factory(self) -> Factory:
        """What the phone was made with; raise FirmwareError where it was never made."""
        rom = self.folder / "rom"
        try:
            told = json.loads(read_limited(rom / "phone.json", _LARGEST))
            return Factory(
                check_vendor(told["vendor"]),
                check_model(told["model"]),
                read_limited(rom / "root.json"),
                rom / "ca.crt",
                str(told["mac"]),
                rom / "identity.pem" if (rom / "identity.pem").exists() else None,
            )
        except (OSError, ValueError, KeyError, TypeError, LayoutError):
            raise FirmwareError(f"{self.folder} is no phone: `ringwall phone make` makes one.") from None

    def slot(self, slot: Slot) -> Path:
        """The folder of a slot."""
        return self.folder / "slots" / slot

    def write(self, state: State) -> None:
        """Keep a state, as a whole, before acting on it."""
        if state != self.state:
            write_atomically(self._state_file, json.dumps(state.to_dict()).encode(), mode=0o600)
            self.state = state

    def _read_state(self) -> State:
        try:
            return State.from_dict(json.loads(read_limited(self._state_file, _LARGEST)))
        except FileNotFoundError:
            return State()
        except (OSError, ValueError, LayoutError, FirmwareError):
            raise FirmwareError(f"{self._state_file} is damaged: the phone has to be made again.") from None

    @property
    def wish(self) -> Wish | None:
        """The image that the phone was told of last, where it was told of one."""
        try:
            return Wish(**json.loads(read_limited(self._wish_file, _LARGEST)))
        except (OSError, ValueError, TypeError, LayoutError):
            return None

    @wish.setter
    def wish(self, wish: Wish) -> None:
        if wish != self.wish:
            told = {"url": wish.url, "path": wish.path}
            write_atomically(self._wish_file, json.dumps(told).encode(), mode=0o600)

    # Refusals

    def refused(self, error: RefusedError, image: str) -> dict[str, Any]:
        """Remember a refusal until the server was told; the oldest are forgotten first."""
        found = {
            "reason": error.reason,
            "text": str(error),
            "image": image[:256],
            "running": self.state.floor,
            "at": round(time.time(), 3),
        }
        log.warning("refused %s: %s", image[:256], error)
        self._keep([*self.refusals(), found][-MOST_REFUSALS:])
        return found

    def refusals(self) -> list[dict[str, Any]]:
        """The refusals that the server was not told yet, oldest first."""
        try:
            told = json.loads(read_limited(self._refusals_file, _LARGEST))
        except (OSError, ValueError, LayoutError):
            return []
        return told if isinstance(told, list) else []

    def reported(self, number: int) -> None:
        """Forget the oldest refusals: the server was told."""
        if number > 0:
            self._keep(self.refusals()[number:])

    def _keep(self, refusals: list[dict[str, Any]]) -> None:
        write_atomically(self._refusals_file, json.dumps(refusals).encode(), mode=0o600)

"""Two slots for images, and which of them starts next (F2).

Rules that this module keeps:
- No I/O: a state and what happens give the next state. Whoever carries it out writes the state as a whole
  before acting on it, so a power cut leaves the one before or the one after.
- The slot that the phone lives from is never written to. A new image goes into the other one, and the state
  names that only when it is there as a whole.
- A new image has three tries to come up, counted before each try. Then the phone is back on the old one.
- An image counts only when it said that it is up; from then on nothing older is taken, ever.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Self

from ringwall.infra.firmware import FirmwareError, version_of

Slot = Literal["a", "b"]
TRIES = 3
AGAIN_S = 86_400.0
"""After this time an image that did not come up may be tried again."""


@dataclass(frozen=True, slots=True)
class State:
    """What the phone remembers between two starts.

    `active` is the slot that it lives from, `trial` one that has yet to come up, with `tries` left. Nothing
    below the version `floor` is taken. `failed` is the hash of the image that did not come up last, at
    `failed_at`; `latest` is the latest time that the phone has seen (seconds since 1970).
    """

    active: Slot | None = None
    trial: Slot | None = None
    tries: int = 0
    floor: str = "0"
    failed: str = ""
    failed_at: float = 0.0
    latest: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, told: Any) -> Self:
        """Return the state that a file holds; raise FirmwareError."""
        try:
            found = cls(**told)
            version_of(found.floor)
            good = {found.active, found.trial} <= {"a", "b", None} and isinstance(found.tries, int)
            if not good or not isinstance(found.latest, (int, float)):
                raise FirmwareError("The phone's state is damaged.")
        except TypeError:
            raise FirmwareError("The phone's state is damaged.") from None
        return found

    @property
    def spare(self) -> Slot:
        """The slot that may be written to: never the one that the phone lives from."""
        return "b" if self.active == "a" else "a"

    def next_start(self) -> tuple[Slot | None, "State"]:
        """Return the slot to start, None where there is none, and the state to write before that."""
        if self.trial is not None and self.tries > 0:
            return self.trial, replace(self, tries=self.tries - 1)
        if self.trial is not None:
            return self.active, replace(self, trial=None, tries=0)
        return self.active, self

    def writing(self) -> "State":
        """The state while the spare slot is written to."""
        return replace(self, trial=None, tries=0)

    def installed(self) -> "State":
        """The state once the spare slot holds a whole, verified image."""
        return replace(self, trial=self.spare, tries=TRIES)

    def came_up(self, slot: Slot, version: str) -> "State":
        """The state once the image of a slot has said that it is up."""
        floor = version if version_of(version) > version_of(self.floor) else self.floor
        trial = None if self.trial == slot else self.trial
        return replace(self, active=slot, trial=trial, tries=0 if trial is None else self.tries, floor=floor)

    def seen(self, now: float) -> "State":
        """The state once a fresh answer of the server was seen at a time."""
        return replace(self, latest=max(self.latest, now))

    def gave_up(self, slot: Slot, sha256: str, now: float) -> "State":
        """The state once the image of a slot is not to be started any more."""
        if slot == self.trial:
            return replace(self, trial=None, tries=0, failed=sha256, failed_at=now)
        return replace(self, active=None) if slot == self.active else self

    def may_try(self, sha256: str, now: float) -> bool:
        """Whether an image may be installed: not when it failed to come up a short while ago."""
        return sha256 != self.failed or now - self.failed_at > AGAIN_S or now < self.failed_at

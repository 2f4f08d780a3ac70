"""Which phone is told of which image: channels, stages, hold and minimum (F1).

Rules that this module keeps:
- It only chooses among images that people have signed, and cannot make a phone take an older one.
- Phones of users in a group of testers are on the test channel, all others on the stable one.
- In a staged roll-out a phone of a group that comes first gets the new image at once, of the others a share
  that is chosen by a hash of phone and image: the same phones stay in it while the share grows, and another
  image meets other phones first. The rest are told of the image before.
- While a model is on hold nobody is told of anything that they have not got.
- A phone below the minimum version gets the newest image of its channel whatever stage and hold say.
"""

import hashlib
from dataclasses import asdict, dataclass, replace
from typing import Any

from ringwall.core.firmware.repository import SignedImage
from ringwall.infra.firmware import FirmwareError, version_of

EVERYBODY = 100
_SHARES = 10_000


@dataclass(frozen=True, slots=True)
class Rollout:
    """What phones of one model are told. Images are paths, empty for none; `percent` is 0 to 100."""

    vendor: str
    model: str
    stable: str = ""
    previous: str = ""
    test: str = ""
    testers: tuple[str, ...] = ()
    first_groups: tuple[str, ...] = ()
    percent: int = EVERYBODY
    hold: bool = False
    minimum: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a record, the database and JSON."""
        told = asdict(self)
        return {**told, "testers": list(self.testers), "first_groups": list(self.first_groups)}

    def changed(self, **given: Any) -> "Rollout":
        """The roll-out with other settings; a new stable image makes the one that was the one before."""
        stable = given.get("stable")
        if stable is not None and stable != self.stable:
            given = {"previous": self.stable, **given}
        for name in ("testers", "first_groups"):
            if name in given:
                given[name] = tuple(given[name])
        return replace(self, **given)


def share_of(device: str, image: str) -> float:
    """Where a phone stands in the order in which phones get an image: 0 to 100, the same for ever."""
    digest = hashlib.sha256(f"{image}\0{device}".encode()).digest()
    return int.from_bytes(digest[:8]) % _SHARES * EVERYBODY / _SHARES


@dataclass(frozen=True, slots=True)
class Phone:
    """Who asks: the id of the phone, the group of its user, and the version that it has, where known."""

    device: str
    group: str | None = None
    version: str | None = None


def choose(rollout: Rollout, phone: Phone) -> tuple[str, str]:
    """Return the path of the image that a phone is told of, empty for none, and why."""
    testing = bool(rollout.test) and phone.group in rollout.testers
    newest = rollout.test if testing else rollout.stable
    if _below(phone.version, rollout.minimum) and newest:
        return newest, "below the minimum version"
    if rollout.hold:
        return "", "on hold"
    if testing:
        return newest, "test channel"
    if not newest:
        return "", "no image is released"
    if phone.group is not None and phone.group in rollout.first_groups:
        return newest, "its group comes first"
    if share_of(phone.device, newest) < rollout.percent:
        return newest, "in the share that gets it" if rollout.percent < EVERYBODY else "stable channel"
    return rollout.previous, "not yet in the share that gets the new one"


def _below(version: str | None, minimum: str) -> bool:
    if not minimum or version is None:
        return False
    try:
        return version_of(version) < version_of(minimum)
    except FirmwareError:
        return True  # a phone that cannot say what it has, in words that we know, has something old


def check(rollout: Rollout, images: dict[str, SignedImage]) -> None:
    """Raise FirmwareError where a roll-out names what is not signed for this model, or makes no sense."""
    for word in ("stable", "previous", "test"):
        path = getattr(rollout, word)
        if not path:
            continue
        image = images.get(path)
        if image is None:
            raise FirmwareError(f"{word}: {path} is not signed: `ringwall firmware list` shows what is.")
        if (image.name.vendor, image.name.model) != (rollout.vendor, rollout.model):
            raise FirmwareError(f"{word}: {path} is for another model.")
    if not 0 <= rollout.percent <= EVERYBODY:
        raise FirmwareError("percent: has to be 0 to 100.")
    if rollout.minimum:
        least = version_of(rollout.minimum)
        if not rollout.stable or version_of(images[rollout.stable].name.version) < least:
            raise FirmwareError("minimum: the stable image has to be at least of this version.")

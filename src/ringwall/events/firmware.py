"""Firmware of phones: what was published, released and refused (F1, F2)."""

from typing import Annotated, Any

from ringwall.events.base import Event, event
from ringwall.events.values import By


@event("firmware.refused")
class FirmwareRefused(Event):
    """A phone refused an image."""

    device: Annotated[str, "The phone."]
    reason: Annotated[str, "Why, as the phone says."]
    image: Annotated[str, "The version of the image."]
    running: Annotated[str, "The version that the phone runs."]


@event("firmware.expiring")
class FirmwareExpiring(Event):
    """What people have signed expires soon; once a day."""

    roles: Annotated[dict[str, str], "The day of expiry (YYYY-MM-DD) by role of the metadata."]


@event("admin.firmware.published")
class AdminFirmwarePublished(Event):
    """Signed metadata was published."""

    actor: By
    before: Annotated[dict[str, int | None], "The version before, by role; null where there was none."]
    after: Annotated[dict[str, int], "The version now, by role."]
    signed_by: Annotated[dict[str, tuple[str, ...]], "The ids of the keys that signed, by role."]
    added: Annotated[tuple[str, ...], "Images that it names for the first time."]
    removed: Annotated[tuple[str, ...], "Images that it does not name any more."]


@event("admin.firmware.keys_made")
class AdminFirmwareKeysMade(Event):
    """The core has made new keys for snapshot and timestamp."""

    actor: By
    before: Annotated[None, "Always null."]
    after: Annotated[dict[str, str], "The id of the new key, by role."]


@event("admin.firmware.rollout_changed")
class AdminFirmwareRolloutChanged(Event):
    """Which phones of a model are told of which image was changed."""

    actor: By
    before: Annotated[dict[str, Any] | None, "The rollout as it was; null where there was none."]
    after: Annotated[dict[str, Any], "The rollout as it is."]

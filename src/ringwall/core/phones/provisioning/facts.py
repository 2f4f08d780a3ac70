"""All that a configuration may say: one value, the same for every vendor's template."""

import zoneinfo
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from ringwall.core.calls.model.star_codes import CODES
from ringwall.core.directory import DirectoryService
from ringwall.core.firmware.rollout import Phone as FirmwarePhone
from ringwall.core.firmware.service import FirmwareService
from ringwall.core.phones.model import Identity, PhoneEntry
from ringwall.core.phones.service import PhoneService
from ringwall.infra.firmware import model_word
from ringwall.infra.settings import Settings

_CODES: Final = {one.feature: one.code for one in CODES}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a template may use. `folder` is the address that this phone asks at, with a slash at its end.

    `extension` is the user part of the address of record: of a phone without a user its own name. `firmware`
    is an address, empty for none. `minutes` is the time zone's distance from UTC now. `asked` says by which
    numbers features are reached.
    """

    mac: str
    vendor: str
    model: str
    label: str
    assigned: bool
    extension: str
    name: str
    auth_user: str
    password: str
    domain: str
    server: str
    sips_port: int
    register_seconds: int
    folder: str
    root: str
    ca: str
    admin_password: str
    firmware: str
    firmware_folder: str
    firmware_sha256: str
    firmware_path: str
    time_server: str
    time_zone: str
    minutes: int
    login: str
    logout: str
    mailbox: str

    @property
    def hours(self) -> str:
        """The distance from UTC as `+1` or `-3:30`."""
        sign, (hours, minutes) = "-" if self.minutes < 0 else "+", divmod(abs(self.minutes), 60)
        return f"{sign}{hours}:{minutes:02}" if minutes else f"{sign}{hours}"

    @property
    def folder_host(self) -> str:
        """The host of the address that the phone asks at."""
        return self.folder.split("/")[2].partition(":")[0]

    @property
    def folder_port(self) -> str:
        """The port of that address."""
        return self.folder.split("/")[2].partition(":")[2]

    @property
    def folder_path(self) -> str:
        """Its path, without slashes around it."""
        return "/".join(self.folder.split("/")[3:]).strip("/")

    @property
    def folder_place(self) -> str:
        """The address without its scheme and the slash at its end."""
        return self.folder.removeprefix("https://").rstrip("/")

    @property
    def firmware_place(self) -> str:
        """The folder of the firmware without its scheme and the slash at its end."""
        return self.firmware_folder.removeprefix("https://").rstrip("/")

    @property
    def posix_zone(self) -> str:
        """The time zone as POSIX writes it (IEEE 1003.1, 8.3): west of Greenwich is positive."""
        hours, minutes = divmod(abs(self.minutes), 60)
        return f"TZ{'-' if self.minutes > 0 else '+'}{hours}" + (f":{minutes:02}" if minutes else "")

    @property
    def title(self) -> str:
        """What the display says of the line."""
        return f"{self.extension} {self.name}".strip() if self.assigned else f"Log in: {self.login}"


class FactFinder:
    """Finds the facts of a phone."""

    def __init__(
        self,
        settings: Settings,
        ca_file: Path,
        phones: PhoneService,
        directory: DirectoryService,
        firmware: FirmwareService | None,
    ) -> None:
        self._settings = settings
        self._phones = phones
        self._directory = directory
        self._firmware = firmware
        self.root = ca_file.read_text(encoding="ascii")
        self.base = f"https://{settings.address}:{settings.ports.phones}"

    def of(self, phone: PhoneEntry, version: str | None = None) -> Facts:
        """Return what is told to a phone that has proven itself and has credentials.

        `version` is the firmware that it says it has: one below the minimum is told of the newest at once.
        """
        settings = self._settings
        username = self._phones.username_of(phone)
        assert username is not None
        credentials = self._phones.secrets.of(username)
        extension = self._phones.extension_of(phone)
        user = self._directory.snapshot.by_extension.get(extension or "")
        secret = f"{self._phones.address_of(phone)}/" if phone.identity is Identity.ADDRESS else ""
        group = user.group if user is not None else phone.group
        firmware, sha256, firmware_path = self._firmware_of(phone, FirmwarePhone(phone.mac, group, version))
        folder = firmware.rpartition("/")[0]
        zone = zoneinfo.ZoneInfo(settings.phones.time_zone)
        offset = datetime.now(zone).utcoffset()
        return Facts(
            mac=phone.mac,
            vendor=phone.vendor,
            model=phone.model,
            label=phone.label,
            assigned=user is not None,
            extension=extension or username,
            name=user.name if user is not None else "",
            auth_user=username,
            password=credentials.password,
            domain=settings.organisation.domain,
            server=settings.address,
            sips_port=settings.ports.sips,
            register_seconds=settings.sip.register_default,
            folder=f"{self.base}/phone/{secret}",
            root=f"{self.base}/phone/ca.crt",
            ca=self.root,
            admin_password=self._phones.secrets.admin_password(phone.mac),
            firmware=f"{self.base}/{firmware}" if firmware else "",
            firmware_folder=f"{self.base}/{folder}/" if firmware else "",
            firmware_sha256=sha256,
            firmware_path=firmware_path,
            time_server=settings.phones.time_server,
            time_zone=settings.phones.time_zone,
            minutes=int(offset.total_seconds() // 60) if offset is not None else 0,
            login=_CODES["log in"],
            logout=_CODES["log out"],
            mailbox=_CODES["own mailbox"],
        )

    def _firmware_of(self, phone: PhoneEntry, asks: FirmwarePhone) -> tuple[str, str, str]:
        if self._firmware is None or not phone.vendor or not phone.model:
            return "", "", ""
        image, _ = self._firmware.offer(phone.vendor, model_word(phone.model), asks)
        if image is None:
            return "", "", ""
        return f"firmware/images/{image.image_path}", image.sha256, str(image.name)

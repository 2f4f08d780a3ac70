"""What a phone with a screen of its own asks, as JSON: enrolment, login, logout (P1, P3).

    POST /phone/v1/enrol    {"mac", "csr", "model"} and "code", or "extension" and "pin": a certificate
    POST /phone/v1/renew    {"csr"}                  with the certificate that it has
    GET  /phone/v1/config                            its configuration
    POST /phone/v1/login    {"extension", "pin"} and, where it is asked for, "new_pin"
    POST /phone/v1/logout   {}
    POST /phone/v1/firmware {"image", "version", "reason"}: an image that it refused

Rules that this module keeps:
- All but the first need a phone that has proven itself. The first is refused like any other unproven request.
- A wrong extension and a wrong PIN have one answer; what is told besides is for who has the right PIN.
"""

from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ringwall.core.firmware.service import FirmwareService
from ringwall.core.phones.admission import Admission
from ringwall.core.phones.certificates import Vouchers
from ringwall.core.phones.logins import LoggedIn, Logins
from ringwall.core.phones.mac import parse_mac
from ringwall.core.phones.model import Identity, PhoneEntry
from ringwall.core.phones.provisioning.proof import Prover, Shown, Unproven
from ringwall.core.phones.service import PhoneService
from ringwall.core.phones.vendors import Asked
from ringwall.core.pins.service import PinService
from ringwall.infra.errors import PkiError

M = TypeVar("M", bound=BaseModel)

Secret = Annotated[str, Field(max_length=64)]
Text = Annotated[str, Field(max_length=256)]
VENDOR: Final = "ringwall"
LARGEST: Final = 16 * 1024


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Enrol(_Asked):
    """A phone that wants a certificate, and by what it may have one."""

    mac: Annotated[str, Field(max_length=32)]
    csr: Annotated[str, Field(max_length=8192)]
    model: Annotated[str, Field(max_length=32, pattern=r"^[A-Za-z0-9_.+-]*$")] = ""
    code: Secret = ""
    extension: Secret = ""
    pin: Secret = ""


class Renew(_Asked):
    """A phone that has a certificate and wants the next one."""

    csr: Annotated[str, Field(max_length=8192)]


class Login(_Asked):
    """A user at a phone."""

    extension: Secret
    pin: Secret
    new_pin: Secret = ""


class RefusedImage(_Asked):
    """An image that a phone refused."""

    image: Text = ""
    version: Text = ""
    reason: Text


class DeviceApi:
    """Answers phones that speak JSON."""

    def __init__(
        self,
        phones: PhoneService,
        logins: Logins,
        pins: PinService,
        vouchers: Vouchers,
        prover: Prover,
        root: str,
        firmware: FirmwareService | None,
    ) -> None:
        self._phones = phones
        self._logins = logins
        self._pins = pins
        self._vouchers = vouchers
        self._prover = prover
        self._root = root
        self._firmware = firmware

    async def enrol(self, request: Request, shown: Shown) -> Response | Unproven:
        """Give a phone its first certificate."""
        asked = await _body(request, Enrol)
        mac = parse_mac(asked.mac) if asked is not None else None
        if asked is None or mac is None:
            return Unproven("unknown", "an enrolment that cannot be read")
        shown = Shown(
            Asked(mac, VENDOR, asked.model),
            shown.source,
            credentials=(asked.extension, asked.pin) if asked.extension else None,
        )
        try:
            pem, fingerprint = self._vouchers.sign(asked.csr, mac)
        except PkiError as error:
            return _refused(400, "bad_request", str(error))
        found = await self._prover.enrol(shown, asked.code, fingerprint)
        if isinstance(found, Unproven):
            return found
        return JSONResponse({"certificate": pem, "ca": self._root, "mac": mac}, 201)

    async def renew(self, request: Request, phone: PhoneEntry) -> Response:
        """Give a phone its next certificate; the one that it has is worth nothing then."""
        asked = await _body(request, Renew)
        if asked is None or phone.identity is not Identity.CERTIFICATE:
            return _refused(400, "bad_request", "A phone with a certificate of ours and a csr is wanted.")
        try:
            pem, fingerprint = self._vouchers.sign(asked.csr, phone.mac)
        except PkiError as error:
            return _refused(400, "bad_request", str(error))
        await self._phones.admit(
            Admission(
                phone.mac,
                Identity.CERTIFICATE,
                request.state.source,
                certificate=fingerprint,
                furnish=False,
                renews=True,
            )
        )
        return JSONResponse({"certificate": pem, "ca": self._root, "mac": phone.mac}, 201)

    async def login(self, request: Request, phone: PhoneEntry) -> Response:
        """Log a user in at the phone."""
        asked = await _body(request, Login)
        if asked is None:
            return _refused(400, "bad_request", "An extension and a PIN are wanted.")
        phone = await self._phones.furnish(phone, request.state.source)
        told = await self._logins.login(
            phone, asked.extension, asked.pin, request.state.source, new_pin=asked.new_pin
        )
        if isinstance(told, LoggedIn):
            answer = {"extension": told.extension, "name": told.name, "days_left": told.days_left}
            return JSONResponse(answer)
        return _refused(403, told.reason, told.text, round(told.seconds))

    async def logout(self, request: Request, phone: PhoneEntry) -> Response:
        """Log out whoever is at the phone."""
        phone = await self._logins.logout(phone, request.state.source)
        return JSONResponse({"state": phone.state.value})

    async def firmware(self, request: Request, phone: PhoneEntry) -> Response:
        """Note that the phone refused an image."""
        asked = await _body(request, RefusedImage)
        if asked is None or self._firmware is None:
            return _refused(400, "bad_request", "A reason is wanted.")
        self._firmware.refused(phone.mac, asked.reason, asked.image, asked.version)
        return JSONResponse({"noted": True})


async def _body(request: Request, model: type[M]) -> M | None:
    body = await request.body()
    if len(body) > LARGEST:
        return None
    try:
        return model.model_validate_json(body)
    except (ValidationError, ValueError):
        return None


def _refused(status: int, reason: str, text: str, seconds: int = 0) -> Response:
    told: dict[str, Any] = {"reason": reason, "text": text}
    return JSONResponse({**told, "seconds": seconds} if seconds else told, status)

"""Which phone sent a request: what it proves by, and what it gains by that (P4).

Rules that this module keeps:
- A MAC address in a path proves nothing. What proves: a certificate of the phone's own, its secret address,
  a one-time code, a user's PIN, or, once, the address from which an administrator has said that the phone
  asks.
- The phone that is proven has to be the one that is asked for: another MAC address in the path is a guess.
- A factory certificate lets a phone in from the house's own networks, or from anywhere if an administrator
  has named the phone. Elsewhere it waits for an administrator, like a phone that has none.
- A phone that cannot have a certificate of ours gets a secret address. A code is good for one enrolment.
"""

import base64
import binascii
import hmac
from dataclasses import dataclass, replace
from typing import Final

from ringwall.core.errors import OperationError
from ringwall.core.phones.admission import Admission
from ringwall.core.phones.certificates import Vouchers
from ringwall.core.phones.logins import Logins
from ringwall.core.phones.model import Identity, PhoneEntry
from ringwall.core.phones.provisioning.guard import Guard, Kind
from ringwall.core.phones.service import PhoneService
from ringwall.core.phones.states import State
from ringwall.core.phones.vendors import Asked
from ringwall.core.pins.service import Accepted, PinService

LONGEST_CREDENTIALS: Final = 512


@dataclass(frozen=True, slots=True)
class Shown:
    """All that a request shows. Empty where it shows nothing of the kind."""

    asked: Asked
    source: str
    certificate: bytes = b""
    token: str = ""
    credentials: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Unproven:
    """The request proves nothing. `why` is for the record."""

    kind: Kind
    why: str
    mac: str = ""


class Prover:
    """Finds out which phone sent a request, and lets in those that prove themselves for the first time."""

    def __init__(
        self,
        phones: PhoneService,
        logins: Logins,
        pins: PinService,
        vouchers: Vouchers,
        guard: Guard,
    ) -> None:
        self._phones = phones
        self._logins = logins
        self._pins = pins
        self._vouchers = vouchers
        self._guard = guard

    async def prove(self, shown: Shown) -> PhoneEntry | Unproven:
        """Return the phone, or why it is not let in; raise OperationError (unavailable) or StoreError."""
        if shown.token:
            return self._by_address(shown)
        if shown.certificate:
            found = await self._by_certificate(shown)
            if isinstance(found, PhoneEntry) or shown.credentials is None:
                return found
        # Typed at a phone that asks for a name and a password: a PIN with an extension, a code with anything
        # else.
        if shown.credentials is not None and not _is_extension(shown.credentials[0]):
            bare = replace(shown, credentials=None)
            return await self._first_proof(bare, shown.credentials[1] or "-", Identity.ADDRESS)
        return await self._first_proof(shown, "", Identity.ADDRESS)

    def _by_address(self, shown: Shown) -> PhoneEntry | Unproven:
        phone = self._phones.of_address(shown.token)
        if phone is None:
            return Unproven("guess", "no such secret address", shown.asked.mac)
        if shown.asked.mac and shown.asked.mac != phone.mac:
            return Unproven("guess", "the secret address of another phone", shown.asked.mac)
        return phone

    async def _by_certificate(self, shown: Shown) -> PhoneEntry | Unproven:
        asked = shown.asked
        vouched = self._vouchers.look(shown.certificate)
        if vouched is None:
            return Unproven("unknown", "a certificate that nobody vouches for", asked.mac)
        if not vouched.mac:
            return Unproven("unknown", "a certificate that names no phone", asked.mac)
        if asked.mac and asked.mac != vouched.mac:
            return Unproven("guess", "the certificate of another phone", asked.mac)
        phone = self._phones.of_mac(vouched.mac)
        if phone is not None and phone.state is State.BLOCKED:
            return Unproven("unknown", "the phone is blocked", vouched.mac)
        if not vouched.vendor:
            if phone is None or not hmac.compare_digest(phone.certificate, vouched.fingerprint):
                return Unproven("unknown", "an old certificate of ours", vouched.mac)
            return phone
        if phone is not None and phone.identity is not Identity.NONE:
            return phone
        if not (self._guard.is_ours(shown.source) or (phone is not None and phone.expected)):
            await self._phones.discovered(vouched.mac, vouched.vendor, asked.model, shown.source)
            return Unproven("unknown", "from outside, and not added by an administrator", vouched.mac)
        admission = Admission(
            vouched.mac, Identity.FACTORY, shown.source, vouched.vendor, asked.model, furnish=True
        )
        return await self._admit(admission)

    async def _first_proof(
        self, shown: Shown, code: str, identity: Identity, fingerprint: str = ""
    ) -> PhoneEntry | Unproven:
        """A phone that has proven nothing yet shows a PIN, a code, or where it asks from."""
        mac = shown.asked.mac
        if not mac:
            return Unproven("guess" if shown.credentials else "unknown", "no phone that we could know")
        phone = self._phones.of_mac(mac)
        admission = Admission(
            mac,
            identity,
            shown.source,
            shown.asked.vendor,
            shown.asked.model,
            certificate=fingerprint,
            furnish=not fingerprint,
        )
        if shown.credentials is not None:
            name, pin = shown.credentials
            # Whatever is known of the phone, the PIN is looked at first: that would show in the time.
            checked = await self._pins.check(name, pin, f"address:{shown.source}")
            if not isinstance(checked, Accepted):
                return Unproven("guess", "a wrong extension or PIN", mac)
            if phone is not None and phone.state is not State.DISCOVERED:
                return Unproven("guess", "a PIN in place of the proof of a known phone", mac)
            admitted = await self._admit(admission)
            if isinstance(admitted, PhoneEntry) and not checked.must_change:
                admitted = await self._phones.furnish(admitted, shown.source)
                await self._logins.take(admitted, name, shown.source)
                return self._phones.now(admitted)
            return admitted
        if code:
            if not self._is_code(phone, code):
                return Unproven("guess", "a wrong enrolment code", mac)
            return await self._admit(replace(admission, by_code=True))
        if phone is not None and self._is_open(phone) and phone.enrolment is not None:
            if phone.enrolment.source == shown.source:
                return await self._admit(replace(admission, by_code=True))
        elif phone is None:
            await self._phones.discovered(mac, shown.asked.vendor, shown.asked.model, shown.source)
        return Unproven("unknown", "a phone that has not proven who it is", mac)

    async def enrol(self, shown: Shown, code: str, fingerprint: str) -> PhoneEntry | Unproven:
        """Let a phone in, by a code, a PIN or its address, which gets this certificate of ours."""
        return await self._first_proof(shown, code, Identity.CERTIFICATE, fingerprint)

    async def _admit(self, admission: Admission) -> PhoneEntry | Unproven:
        try:
            return await self._phones.admit(admission)
        except OperationError as error:
            if error.code == "unavailable":
                raise
            return Unproven("guess", error.message, admission.mac)

    def _is_open(self, phone: PhoneEntry | None) -> bool:
        return (
            phone is not None and phone.enrolment is not None and phone.enrolment.until > self._phones.clock()
        )

    def _is_code(self, phone: PhoneEntry | None, code: str) -> bool:
        digest = self._phones.secrets.code_digest(code)
        wanted = (
            phone.enrolment.code_digest if phone is not None and phone.enrolment is not None else "0" * 64
        )
        return hmac.compare_digest(digest, wanted) and self._is_open(phone)


def _is_extension(name: str) -> bool:
    return name.isascii() and name.isdigit()


def basic_credentials(header: str) -> tuple[str, str] | None:
    """Return name and password of an Authorization header (RFC 7617); None where it has none."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic" or len(value) > LONGEST_CREDENTIALS:
        return None
    try:
        text = base64.b64decode(value.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    name, colon, password = text.partition(":")
    return (name, password) if colon and name else None

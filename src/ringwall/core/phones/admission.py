"""How a phone that has proven who it is becomes one of ours (P2). Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ringwall.core.errors import OperationError
from ringwall.core.phones.model import Identity, PhoneEntry
from ringwall.core.phones.states import Event, NotPossibleError


@dataclass(frozen=True, slots=True)
class Admission:
    """A phone that has proven who it is: it is enrolled, and furnished with credentials if `furnish`.

    `by_code`: it used up its open enrolment, and is refused if somebody else has done so before. `renews`: it
    showed what it had proven itself by up to now.
    """

    mac: str
    identity: Identity
    source: str
    vendor: str = ""
    model: str = ""
    certificate: str = ""
    furnish: bool = True
    by_code: bool = False
    renews: bool = False


def admitted(known: PhoneEntry | None, admission: Admission, new: Callable[[str], PhoneEntry]) -> PhoneEntry:
    """Return a phone after it was admitted; raise OperationError (refused, conflict)."""
    if admission.by_code and (known is None or known.enrolment is None):
        raise OperationError("refused", "This enrolment was used already.", "mac")
    if known is not None and known.identity is not Identity.NONE and not admission.renews:
        # Else whoever knows a code or a PIN could become a phone at which somebody is logged in.
        raise OperationError("refused", "The phone has proven who it is already.", "mac")
    anew = admission.identity is Identity.ADDRESS
    phone = known or new(admission.mac)
    phone = happens(
        phone,
        Event.ENROL,
        generation=phone.generation + anew,
        identity=admission.identity,
        certificate=admission.certificate,
        vendor=admission.vendor or phone.vendor,
        model=admission.model or phone.model,
        enrolment=None,
    )
    return furnished(phone) if admission.furnish and not phone.signs_in else phone


def happens(phone: PhoneEntry, event: Event, **changes: Any) -> PhoneEntry:
    """Return a phone after an event; raise OperationError (conflict) where that is not possible."""
    try:
        return phone.on(event, **changes)
    except NotPossibleError as error:
        raise not_possible(error) from None


def not_possible(error: NotPossibleError) -> OperationError:
    """Return what people are told."""
    return OperationError("conflict", f"The phone is {error.state}: it cannot {error.event}.", "mac")


def furnished(phone: PhoneEntry) -> PhoneEntry:
    """Return an enrolled phone with its first credentials; raise OperationError (conflict)."""
    return happens(phone, Event.FURNISH if phone.home is None else Event.FURNISH_HOME)

"""What administrators can ask of phones."""

import ipaddress
from collections.abc import Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from ringwall.core.errors import OperationError
from ringwall.core.identity.permissions import Permission
from ringwall.core.operations import Actor, Listing, Operation, Operations, Topic
from ringwall.core.phones import schema
from ringwall.core.phones.administration import ENROLMENT_S, Administration
from ringwall.core.phones.logins import Logins
from ringwall.core.phones.mac import shown
from ringwall.core.phones.model import PhoneEntry
from ringwall.core.phones.seen import SeenPhones
from ringwall.core.phones.service import PhoneService


class Describe:
    """Says what is known of a phone."""

    def __init__(self, phones: PhoneService, seen: SeenPhones) -> None:
        self._phones = phones
        self._seen = seen

    def facts(self, phone: PhoneEntry, names: dict[int, str] | None = None) -> dict[str, Any]:
        """Return the public facts; `names` are extensions by the number of their user."""
        names = names if names is not None else self._phones.names()
        seen = self._seen.of(phone.mac)
        return {
            "mac": shown(phone.mac),
            "state": phone.state.value,
            "user": names.get(phone.user or 0),
            "home": names.get(phone.home or 0),
            "owner_waits": phone.owner_waits,
            "identity": phone.identity.value,
            "device": self._phones.username_of(phone),
            "vendor": phone.vendor,
            "model": phone.model,
            "label": phone.label,
            "site": phone.site,
            "group": phone.group,
            "location": phone.location,
            "callback_number": phone.callback_number,
            "legacy": phone.legacy,
            "expected": phone.expected,
            "enrolment_open": phone.enrolment is not None and phone.enrolment.until > self._phones.clock(),
            "asked_from": seen.source if seen is not None else None,
            "user_agent": seen.user_agent if seen is not None else None,
            "asked_at": _time(seen.at) if seen is not None else None,
        }

    def phone(self, phone: PhoneEntry) -> schema.Phone:
        """Return the public facts as a model."""
        return schema.Phone(**self.facts(phone))


PHONES: Final = Topic("Phones", "Desk phones: what they have proven, who is at them, what they are told.")

LIST: Final = Operation(
    "phone.list",
    "List the desk phones.",
    topic=PHONES,
    verb="GET",
    path="/api/phones",
    permission=Permission.PHONES_READ,
    arguments=schema.PhoneList,
    result=schema.Phone,
    listing=Listing(order=("mac",), search=("mac", "label", "user", "home", "vendor", "model", "location")),
    example={"site": "main"},
)
SHOW: Final = Operation(
    "phone.show",
    "Show what is known of a phone.",
    topic=PHONES,
    verb="GET",
    path="/api/phones/{mac}",
    permission=Permission.PHONES_READ,
    arguments=schema.PhoneNamed,
    result=schema.Phone,
    errors=("not_found",),
    example={"mac": "00:15:65:12:ab:cd"},
)
ADD: Final = Operation(
    "phone.add",
    "Say of a phone that it will come.",
    topic=PHONES,
    verb="POST",
    path="/api/phones",
    permission=Permission.PHONES_WRITE,
    arguments=schema.PhoneAdd,
    result=schema.Phone,
    status=HTTPStatus.CREATED,
    errors=("not_found", "conflict"),
    changes=True,
    example={"mac": "00:15:65:12:ab:cd", "vendor": "yealink", "label": "Front desk"},
)
SET: Final = Operation(
    "phone.set",
    "Change what is said of a phone; what is left out stays.",
    topic=PHONES,
    verb="PATCH",
    path="/api/phones/{mac}",
    permission=Permission.PHONES_WRITE,
    arguments=schema.PhoneSet,
    result=schema.Phone,
    errors=("not_found", "conflict"),
    changes=True,
    example={"mac": "00:15:65:12:ab:cd", "label": "Front desk"},
)
REMOVE: Final = Operation(
    "phone.remove",
    "Forget a phone altogether; its user goes as after a logout.",
    topic=PHONES,
    verb="DELETE",
    path="/api/phones/{mac}",
    permission=Permission.PHONES_WRITE,
    arguments=schema.PhoneNamed,
    result=schema.Phone,
    errors=("not_found", "conflict"),
    changes=True,
    example={"mac": "00:15:65:12:ab:cd"},
)
APPROVE: Final = Operation(
    "phone.approve",
    "Let a phone enrol, with a code that is shown this one time.",
    topic=PHONES,
    verb="POST",
    path="/api/phones/{mac}/approval",
    permission=Permission.PHONES_WRITE,
    arguments=schema.PhoneApprove,
    result=schema.Approved,
    errors=("not_found", "conflict"),
    changes=True,
    example={"mac": "00:15:65:12:ab:cd", "source": "192.0.2.7"},
)
ADDRESS: Final = Operation(
    "phone.address",
    "Give a phone a secret address of its own, which is shown this one time.",
    topic=PHONES,
    verb="POST",
    path="/api/phones/{mac}/address",
    permission=Permission.PHONES_WRITE,
    arguments=schema.PhoneNamed,
    result=schema.Addressed,
    errors=("not_found", "conflict"),
    changes=True,
    example={"mac": "00:15:65:12:ab:cd"},
)
BLOCK: Final = Operation(
    "phone.block",
    "Tell a phone nothing any more, and end what it has.",
    topic=PHONES,
    verb="PUT",
    path="/api/phones/{mac}/block",
    permission=Permission.PHONES_WRITE,
    arguments=schema.PhoneNamed,
    result=schema.Phone,
    errors=("not_found", "conflict"),
    changes=True,
    example={"mac": "00:15:65:12:ab:cd"},
)
UNBLOCK: Final = Operation(
    "phone.unblock",
    "Let a blocked phone prove itself again.",
    topic=PHONES,
    verb="DELETE",
    path="/api/phones/{mac}/block",
    permission=Permission.PHONES_WRITE,
    arguments=schema.PhoneNamed,
    result=schema.Phone,
    errors=("not_found", "conflict"),
    changes=True,
    example={"mac": "00:15:65:12:ab:cd"},
)
FORGET: Final = Operation(
    "phone.forget",
    "Forget how a phone proves itself: it has to be approved again.",
    topic=PHONES,
    verb="DELETE",
    path="/api/phones/{mac}/identity",
    permission=Permission.PHONES_WRITE,
    arguments=schema.PhoneNamed,
    result=schema.Phone,
    errors=("not_found", "conflict"),
    changes=True,
    example={"mac": "00:15:65:12:ab:cd"},
)
ASSIGN: Final = Operation(
    "phone.assign",
    "Log a user in at a phone.",
    topic=PHONES,
    verb="PUT",
    path="/api/phones/{mac}/user",
    permission=Permission.PHONES_WRITE,
    arguments=schema.PhoneAssign,
    result=schema.Phone,
    errors=("not_found", "conflict"),
    changes=True,
    example={"mac": "00:15:65:12:ab:cd", "extension": "201"},
)
UNASSIGN: Final = Operation(
    "phone.unassign",
    "Log out whoever is at a phone.",
    topic=PHONES,
    verb="DELETE",
    path="/api/phones/{mac}/user",
    permission=Permission.PHONES_WRITE,
    arguments=schema.PhoneNamed,
    result=schema.Phone,
    errors=("not_found", "conflict"),
    changes=True,
    example={"mac": "00:15:65:12:ab:cd"},
)
GO_HOME: Final = Operation(
    "phone.go-home",
    "Bring a user back to the home phone, whoever is there.",
    topic=PHONES,
    verb="POST",
    path="/api/users/{extension}/homeward",
    permission=Permission.PHONES_WRITE,
    arguments=schema.Homeward,
    result=schema.Phone,
    errors=("not_found", "conflict"),
    changes=True,
    example={"extension": "201"},
)
OPERATIONS: Final = (
    LIST,
    SHOW,
    ADD,
    SET,
    REMOVE,
    APPROVE,
    ADDRESS,
    BLOCK,
    UNBLOCK,
    FORGET,
    ASSIGN,
    UNASSIGN,
    GO_HOME,
)


def register(
    operations: Operations,
    phones: PhoneService,
    administration: Administration,
    logins: Logins,
    seen: SeenPhones,
    address: str,
) -> None:
    """Do what is declared above; `address` is where phones ask for their configuration."""
    told = Describe(phones, seen)

    async def listed(_actor: Actor, _args: schema.PhoneList) -> Iterable[Any]:
        names = phones.names()
        return [told.facts(one, names) for one in phones.phones.by_id.values()]

    async def show(_actor: Actor, args: schema.PhoneNamed) -> schema.Phone:
        return told.phone(phones.named(args.mac))

    async def add(actor: Actor, args: schema.PhoneAdd) -> schema.Phone:
        given = args.model_dump(exclude_unset=True, exclude={"mac"})
        return told.phone(await administration.add(actor, args.mac, given))

    async def change(actor: Actor, args: schema.PhoneSet) -> schema.Phone:
        given = args.model_dump(exclude_unset=True, exclude={"mac"})
        return told.phone(await administration.change(actor, args.mac, given))

    async def approve(actor: Actor, args: schema.PhoneApprove) -> schema.Approved:
        source = _source(args.source)
        phone, code = await administration.approve(actor, args.mac, from_source=source)
        return schema.Approved(**told.facts(phone), code=code, minutes=int(ENROLMENT_S // 60))

    async def give_address(actor: Actor, args: schema.PhoneNamed) -> schema.Addressed:
        phone = await administration.give_address(actor, args.mac)
        return schema.Addressed(**told.facts(phone), address=f"{address}/{phones.address_of(phone)}/")

    async def block(actor: Actor, args: schema.PhoneNamed) -> schema.Phone:
        return told.phone(await administration.block(actor, args.mac))

    async def unblock(actor: Actor, args: schema.PhoneNamed) -> schema.Phone:
        return told.phone(await administration.unblock(actor, args.mac))

    async def forget(actor: Actor, args: schema.PhoneNamed) -> schema.Phone:
        return told.phone(await administration.forget(actor, args.mac))

    async def remove(actor: Actor, args: schema.PhoneNamed) -> schema.Phone:
        phone = phones.named(args.mac)
        facts = told.facts(phone)
        await administration.remove(actor, args.mac)
        return schema.Phone(**facts)

    async def assign(actor: Actor, args: schema.PhoneAssign) -> schema.Phone:
        return told.phone(await logins.assign(actor, args.mac, args.extension, home=args.home))

    async def unassign(actor: Actor, args: schema.PhoneNamed) -> schema.Phone:
        return told.phone(await logins.unassign(actor, args.mac))

    async def go_home(actor: Actor, args: schema.Homeward) -> schema.Phone:
        return told.phone(await logins.go_home(actor, args.extension))

    operations.offer(LIST, listed)
    operations.offer(SHOW, show)
    operations.offer(ADD, add)
    operations.offer(SET, change)
    operations.offer(REMOVE, remove)
    operations.offer(APPROVE, approve)
    operations.offer(ADDRESS, give_address)
    operations.offer(BLOCK, block)
    operations.offer(UNBLOCK, unblock)
    operations.offer(FORGET, forget)
    operations.offer(ASSIGN, assign)
    operations.offer(UNASSIGN, unassign)
    operations.offer(GO_HOME, go_home)


def _source(text: str) -> str:
    if not text:
        return ""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise OperationError(
            "invalid", "source: has to be an IP address, such as 192.0.2.7.", "source"
        ) from None


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

"""What administrators can ask of phones."""

import ipaddress
from datetime import UTC, datetime
from typing import Any

from ringwall.core.errors import OperationError
from ringwall.core.operations import Actor, NoArguments, Operations
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


def register(
    operations: Operations,
    phones: PhoneService,
    administration: Administration,
    logins: Logins,
    seen: SeenPhones,
    address: str,
) -> None:
    """Add the operations phone.*; `address` is where phones ask for their configuration."""
    told = Describe(phones, seen)

    async def listed(_actor: Actor, _args: NoArguments) -> list[Any]:
        names = phones.names()
        every = sorted(phones.phones.by_id.values(), key=lambda one: one.mac)
        return [told.facts(one, names) for one in every]

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

    operations.add("phone.list", NoArguments, listed)
    operations.add("phone.show", schema.PhoneNamed, show)
    operations.add("phone.add", schema.PhoneAdd, add, changes=True)
    operations.add("phone.set", schema.PhoneSet, change, changes=True)
    operations.add("phone.approve", schema.PhoneApprove, approve, changes=True)
    operations.add("phone.address", schema.PhoneNamed, give_address, changes=True)
    operations.add("phone.block", schema.PhoneNamed, block, changes=True)
    operations.add("phone.unblock", schema.PhoneNamed, unblock, changes=True)
    operations.add("phone.forget", schema.PhoneNamed, forget, changes=True)
    operations.add("phone.remove", schema.PhoneNamed, remove, changes=True)
    operations.add("phone.assign", schema.PhoneAssign, assign, changes=True)
    operations.add("phone.unassign", schema.PhoneNamed, unassign, changes=True)
    operations.add("phone.go-home", schema.Homeward, go_home, changes=True)


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

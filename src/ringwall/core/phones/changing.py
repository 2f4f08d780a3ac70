"""One change of phones as what has to be written, and what the directory has afterwards.

Rules that this module keeps:
- Whenever the user of a phone changes, and whenever a phone proves itself anew, it gets new SIP credentials
  under the number that it always had; the old ones are worth nothing from then on (P3).
- A phone that may not sign in has no credentials.
- Every change of a state, a user or a home is a record, in one transaction with the change.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ringwall.core.directory.model import DeviceEntry, Place
from ringwall.core.directory.phones import Write, device_removal, device_write
from ringwall.core.ledger import Ledger
from ringwall.core.phones import rows
from ringwall.core.phones.model import PhoneEntry
from ringwall.core.phones.moving import Phones
from ringwall.core.phones.secrets import PhoneSecrets
from ringwall.events.phones import BY_STATE, PhoneChanged, PhoneRemoved


class Change:
    """What `DirectoryService.put_phones` stores. Made by `Changes`."""

    def __init__(
        self,
        writes: Sequence[Write],
        devices: Sequence[tuple[DeviceEntry | None, DeviceEntry | None]],
        stored: Callable[[], None],
    ) -> None:
        self.writes = writes
        self.devices = devices
        self.stored = stored


class Changes:
    """Makes changes: knows the names of users, the secrets and the ledger."""

    def __init__(self, secrets: PhoneSecrets, ledger: Ledger, realm: str) -> None:
        self._secrets = secrets
        self._ledger = ledger
        self._realm = realm

    def make(
        self,
        before: Phones,
        changed: Sequence[PhoneEntry],
        gone: Sequence[PhoneEntry],
        devices: Mapping[int, DeviceEntry],
        names: Mapping[int, str],
        *,
        actor: Callable[[PhoneEntry], dict[str, str]],
        why: str,
        fresh: frozenset[int],
        stored: Callable[[], None],
    ) -> Change:
        """Return the change from `before` to what is `changed` and `gone`.

        `devices` are those of the phones, by number; `names` the extensions of users by number; `fresh` are
        phones that get new credentials whatever else changes.
        """
        writes: list[Write] = []
        pairs: list[tuple[DeviceEntry | None, DeviceEntry | None]] = []
        for phone in changed:
            old, device = before.by_id.get(phone.id), devices.get(phone.id)
            new = self._device(old, phone, device, names, fresh=phone.id in fresh)
            if new != device:
                pairs.append((device, new))
                if new is None:
                    writes.extend(device_removal(phone.id))
                else:
                    if device is not None and device.username != new.username:
                        writes.append(device_removal(phone.id)[0])  # what the old credentials had registered
                    writes.append(device_write(new, phone.created_at))
            writes.append(rows.put(phone))
            writes.append(self._record(old, phone, names, actor(phone), why))
        for phone in gone:
            device = devices.get(phone.id)
            if device is not None:
                pairs.append((device, None))
            writes.extend(device_removal(phone.id))
            writes.append(rows.remove(phone))
            facts = _facts(phone, names)
            writes.append(
                self._ledger.entry(PhoneRemoved(actor=actor(phone), before=facts, after=None, why=why))
            )
        return Change(writes, pairs, stored)

    def _device(
        self,
        old: PhoneEntry | None,
        phone: PhoneEntry,
        device: DeviceEntry | None,
        names: Mapping[int, str],
        *,
        fresh: bool,
    ) -> DeviceEntry | None:
        if not phone.signs_in:
            return None
        keeps = device is not None and old is not None and old.user == phone.user and not fresh
        username = device.username if keeps and device is not None else self._secrets.fresh().username
        credentials = self._secrets.of(username)
        return DeviceEntry(
            id=phone.id,
            username=username,
            user_id=phone.user or 0,
            extension=names[phone.user] if phone.user is not None else username,
            label=phone.label or phone.model or "desk phone",
            ha1_sha256=credentials.ha1_sha256(self._realm),
            ha1_md5=credentials.ha1_md5(self._realm) if phone.legacy else None,
            legacy=phone.legacy,
            place=Place(phone.mac, phone.site, phone.group, phone.location, phone.callback_number),
        )

    def _record(
        self,
        old: PhoneEntry | None,
        new: PhoneEntry,
        names: Mapping[int, str],
        actor: dict[str, str],
        why: str,
    ) -> Write:
        before = _facts(old, names) if old is not None else None
        after = _facts(new, names)
        moved = old is None or (old.state, old.user, old.identity) != (new.state, new.user, new.identity)
        kind = BY_STATE[new.state.value] if moved else PhoneChanged
        return self._ledger.entry(kind(actor=actor, phone=new.mac, before=before, after=after, why=why))


def _facts(phone: PhoneEntry, names: Mapping[int, str]) -> dict[str, Any]:
    return {
        "mac": phone.mac,
        "state": phone.state.value,
        "user": names.get(phone.user or 0),
        "home": names.get(phone.home or 0),
        "identity": phone.identity.value,
        "vendor": phone.vendor,
        "model": phone.model,
        "label": phone.label,
        "site": phone.site,
        "group": phone.group,
        "location": phone.location,
        "callback_number": phone.callback_number,
        "owner_waits": phone.owner_waits,
        "legacy": phone.legacy,
        "enrolment_open_until": phone.enrolment.until if phone.enrolment is not None else None,
    }

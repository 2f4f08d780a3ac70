"""What becomes of a phone's connection and calls when something about it changes (P3).

Rules that this module keeps:
- A phone whose user, credentials or settings changed is told to fetch its configuration: NOTIFY with Event
  check-sync over the connection on which it signed in, before that counts no longer. What is in the request
  is the same for all: whoever gets it learns nothing.
- Who logs in or out goes on with the calls that are up.
- A phone that is blocked loses its calls at once, but never an emergency call. One that is removed may end
  those it has; it gets no others.
"""

from collections.abc import Sequence
from typing import Final

from ringwall.core.calls.dialog import teardown
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.switch.switch import PRODUCT, Switch
from ringwall.core.phones.model import PhoneEntry
from ringwall.core.phones.service import PhoneService
from ringwall.core.phones.states import State
from ringwall.core.registrar.bindings import Binding
from ringwall.sip.message import Headers, Request, Response

# Sipping working group's draft of the event package, as every vendor's phone knows it.
CHECK_SYNC: Final = "check-sync;reboot=false"


class PhonesAndCalls:
    """Joins the phones with call control."""

    def __init__(self, phones: PhoneService, switch: Switch) -> None:
        self._phones = phones
        self._switch = switch
        self._reached: dict[int, list[Binding]] = {}
        phones.before_change.append(self._before)
        phones.on_change.append(self._changed)

    def tell(self, phone: PhoneEntry) -> int:
        """Have a phone fetch its configuration; return how many of its connections were told."""
        bindings = self._switch.bindings.of_device(phone.id)
        for binding in bindings:
            self._notify(binding)
        self._switch.flush()
        return len(bindings)

    def _before(self, phones: Sequence[PhoneEntry]) -> None:
        self._reached = {one.id: self._switch.bindings.of_device(one.id) for one in phones}

    def _changed(self, phones: Sequence[PhoneEntry]) -> None:
        reached, self._reached = self._reached, {}
        for phone in phones:
            for binding in reached.get(phone.id, ()):
                self._notify(binding)
            now = self._phones.of_device(phone.id)
            if now is not None and now.state is State.BLOCKED:
                self._end_calls(phone)
        self._switch.flush()

    def _end_calls(self, phone: PhoneEntry) -> None:
        for leg in list(self._switch.devices.get(phone.id, ())):
            found = self._switch.legs.get((leg.sip_call_id, leg.tag))
            if found is not None and not is_emergency(found[0]):
                teardown.end(self._switch, found[0], "the phone was blocked", by="administrator", status=480)

    def _notify(self, binding: Binding) -> None:
        switch = self._switch
        tag = switch.new_tag()
        headers = [
            *(("Route", entry) for entry in binding.path),
            ("Max-Forwards", "70"),
            ("From", f"<sip:{switch.domain}>;tag={tag}"),
            ("To", f"<sip:{binding.extension}@{switch.domain}>"),
            ("Call-ID", switch.new_tag() + tag),
            ("CSeq", "1 NOTIFY"),
            ("Contact", switch.contact_for(tag)),
            ("Event", CHECK_SYNC),
            ("Subscription-State", "terminated;reason=noresource"),
            ("User-Agent", PRODUCT),
        ]
        switch.out_of_dialog_request(Request("NOTIFY", binding.contact, Headers(headers)), _whatever)


def is_emergency(call: Call) -> bool:
    """Whether a call went to an emergency number."""
    return any(leg.seizure is not None and leg.seizure.emergency for leg in call.legs())


def _whatever(_request: Request, _response: Response) -> None:
    """A phone that does not understand it fetches its configuration when it starts the next time."""

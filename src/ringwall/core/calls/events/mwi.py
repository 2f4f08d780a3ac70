"""The message waiting lamp: NOTIFY of message-summary, asked for or not (RFC 3842, RFC 6665; V2).

Rules that this module keeps:
- A phone is told about the mailbox of its own user, and of no other.
- A phone that subscribed is told within its subscription; any other one that is signed in is told without.
  One that answers that it knows no such event is left alone until it signs in anew.
- Many changes at once are told a few at a time, each mailbox once with its newest counts: a message to
  everybody does not hold up a call.
- Subscriptions are bounded, for each device and in all. They end with the process; a phone that refreshes one
  then is told so (481) and subscribes anew.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ringwall.core.calls.switch.switch import ALLOW, PRODUCT, Switch
from ringwall.core.directory.model import DeviceEntry
from ringwall.core.registrar.authenticator import Challenge, Refusal
from ringwall.core.registrar.bindings import Binding
from ringwall.core.registrar.flows import Flow
from ringwall.sip.dialog import Dialog, OutOfOrder
from ringwall.sip.errors import ParseError
from ringwall.sip.message import Headers, Request, Response

log = logging.getLogger(__name__)

EVENT: Final = "message-summary"
CONTENT_TYPE: Final = "application/simple-message-summary"
DEFAULT_SECONDS: Final = 3600
SHORTEST_SECONDS: Final = 60
LONGEST_SECONDS: Final = 86400
MOST_OF_DEVICE: Final = 4
MOST: Final = 50_000

_AT_ONCE: Final = 25
_PAUSE: Final = 0.02
_SWEEP_SECONDS: Final = 30.0
_NOT_KNOWN: Final = frozenset({405, 489, 501})

Summary = Callable[[str], bytes | None]
"""The body for an extension; None where it has no mailbox."""


@dataclass(slots=True)
class Subscription:
    """One phone's subscription to the mailbox of its user; `until` in monotonic seconds."""

    device: DeviceEntry
    flow: Flow
    dialog: Dialog
    until: float


class MessageWaiting:
    """Tells phones what waits. `install` puts it into the hooks of a switch."""

    def __init__(self, switch: Switch, summary: Summary, loop: asyncio.AbstractEventLoop) -> None:
        self._switch = switch
        self._summary = summary
        self._loop = loop
        self._subscriptions: dict[tuple[str, str], Subscription] = {}
        self._of_device: dict[int, dict[tuple[str, str], None]] = {}
        self._deaf: set[int] = set()  # devices that know no such event
        self._changed: dict[str, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._next_sweep = 0.0

    def install(self) -> None:
        """Hear of phones that sign in and of those that subscribe."""
        self._switch.registrar.on_return.append(self._phone_returned)
        self._switch.hooks.out_of_dialog["SUBSCRIBE"] = self.subscribed

    @property
    def subscriptions(self) -> int:
        """How many there are."""
        return len(self._subscriptions)

    # What has changed

    def changed(self, extension: str) -> None:
        """The messages of a mailbox are not what they were: tell its phones soon."""
        self._changed[extension] = None
        if self._timer is None:
            self._timer = self._loop.call_later(_PAUSE, self._tell_some)

    def _tell_some(self) -> None:
        self._timer = None
        for extension in list(self._changed)[:_AT_ONCE]:
            del self._changed[extension]
            self._tell(extension)
        if self._changed:
            self._timer = self._loop.call_later(_PAUSE, self._tell_some)
        self._switch.flush()

    def _tell(self, extension: str) -> None:
        body = self._summary(extension)
        if body is None:
            return
        for binding in self._switch.bindings.of_extension(extension, time.time()):
            keys = self._of_device.get(binding.device_id, {})
            if not keys and binding.device_id not in self._deaf:
                self._unasked(binding, body)
        user = self._switch.directory.snapshot.by_extension.get(extension)
        for device in user.devices if user is not None else ():
            for key in list(self._of_device.get(device.id, ())):
                self._within(key, self._subscriptions[key], body)

    def _phone_returned(self, binding: Binding) -> None:
        self._deaf.discard(binding.device_id)
        self.changed(binding.extension)

    # NOTIFY

    def _unasked(self, binding: Binding, body: bytes) -> None:
        switch = self._switch
        tag = switch.new_tag()
        headers = [
            *(("Route", entry) for entry in binding.path),
            ("Max-Forwards", "70"),
            ("From", f"<sip:{binding.extension}@{switch.domain}>;tag={tag}"),
            ("To", f"<sip:{binding.extension}@{switch.domain}>"),
            ("Call-ID", switch.new_tag() + tag),
            ("CSeq", "1 NOTIFY"),
            ("Contact", switch.contact_for(tag)),
            ("Event", EVENT),
            ("Subscription-State", "terminated"),
            ("User-Agent", PRODUCT),
            ("Content-Type", CONTENT_TYPE),
        ]
        request = Request("NOTIFY", binding.contact, Headers(headers), body)

        def answered(_request: Request, response: Response) -> None:
            if response.status in _NOT_KNOWN:
                self._deaf.add(binding.device_id)

        switch.out_of_dialog_request(request, answered)

    def _within(
        self, key: tuple[str, str], subscription: Subscription, body: bytes, *, ended: str = ""
    ) -> None:
        """Tell a phone within its subscription, which ends by it where `ended` says why."""
        left = max(0, round(subscription.until - self._switch.now()))
        state = f"terminated;reason={ended}" if ended else f"active;expires={left}"
        request = subscription.dialog.request(
            "NOTIFY",
            self._switch.contact_for(subscription.dialog.local_tag),
            [("Event", EVENT), ("Subscription-State", state), ("User-Agent", PRODUCT)],
            body,
            CONTENT_TYPE,
        )
        if ended:
            self._drop(key)

        def answered(_request: Request, response: Response) -> None:
            # RFC 6665 4.2.2: whoever does not take it has no subscription any more.
            if response.status >= 300 and self._drop(key):
                self.changed(subscription.device.extension)

        self._switch.out_of_dialog_request(request, answered)

    # SUBSCRIBE

    def subscribed(self, key: str, request: Request, flow: Flow) -> None:
        """A phone subscribes, asks for longer, or ends its subscription."""
        response = self._refused(request)
        if response is None:
            found = self._again(request, flow) if request.to.tag else self._first(request, flow)
            if isinstance(found, Subscription):
                self._accept(key, request, found)
                return
            response = found
        if request.to.tag is None:
            response.headers.set("To", str(request.to.with_tag(self._switch.new_tag())))
        self._switch.respond(key, response)

    def _refused(self, request: Request) -> Response | None:
        """What is wrong with the request itself."""
        event = (request.headers.get("event") or "").partition(";")[0].strip().lower()
        if event != EVENT:
            return request.response(489, "Bad Event", headers=[("Allow-Events", EVENT)])
        accepted = request.headers.all("accept")
        if accepted and not any(_takes(one) for one in accepted):
            return request.response(406, headers=[("Accept", CONTENT_TYPE)])
        seconds = _seconds(request)
        if 0 < seconds < SHORTEST_SECONDS:
            return request.response(423, headers=[("Min-Expires", str(SHORTEST_SECONDS))])
        return None

    def _first(self, request: Request, flow: Flow) -> Subscription | Response:
        switch = self._switch
        device = switch.authenticator.identify(request, flow, switch.now())
        if isinstance(device, Challenge):
            headers = [("WWW-Authenticate", value) for value in device.values]
            return request.response(401, headers=headers)
        if isinstance(device, Refusal):
            return request.response(device.status, device.reason)
        if request.to.uri.user != device.extension or self._summary(device.extension) is None:
            # Whether another mailbox is there is none of its business.
            return request.response(404, "No Such Mailbox")
        try:
            dialog = Dialog.from_invite_received(request, switch.new_tag())
        except ParseError as error:
            return request.response(error.status, error.reason)
        if len(self._subscriptions) >= MOST:
            return request.response(503, headers=[("Retry-After", "600")])
        return Subscription(device, flow, dialog, 0.0)

    def _again(self, request: Request, flow: Flow) -> Subscription | Response:
        subscription = self._subscriptions.get((request.call_id, request.to.tag or ""))
        if subscription is None or subscription.dialog.remote_tag != request.from_.tag:
            return request.response(481)
        if not self._switch.authenticator.speaks_for(flow, subscription.device.id):
            return request.response(403)
        try:
            subscription.dialog.receive(request)
        except OutOfOrder:
            return request.response(500, headers=[("Retry-After", "1")])
        except ParseError as error:
            return request.response(error.status, error.reason)
        return subscription

    def _accept(self, key: str, request: Request, subscription: Subscription) -> None:
        seconds, dialog = _seconds(request), subscription.dialog
        subscription.until = self._switch.now() + seconds
        name = (dialog.call_id, dialog.local_tag)
        headers = [("Expires", str(seconds)), ("Contact", self._switch.contact_for(dialog.local_tag))]
        tag = None if request.to.tag else dialog.local_tag
        self._switch.respond(key, request.response(200, to_tag=tag, headers=[*headers, ("Allow", ALLOW)]))
        self._keep(name, subscription)
        body = self._summary(subscription.device.extension) or b""
        self._within(name, subscription, body, ended="" if seconds else "timeout")
        self._sweep()

    def _keep(self, key: tuple[str, str], subscription: Subscription) -> None:
        of_device = self._of_device.setdefault(subscription.device.id, {})
        self._subscriptions[key] = subscription
        of_device[key] = None
        if len(of_device) > MOST_OF_DEVICE:
            oldest = next(iter(of_device))
            self._within(oldest, self._subscriptions[oldest], b"", ended="deactivated")

    def _drop(self, key: tuple[str, str]) -> bool:
        subscription = self._subscriptions.pop(key, None)
        if subscription is None:
            return False
        of_device = self._of_device[subscription.device.id]
        of_device.pop(key, None)
        if not of_device:
            del self._of_device[subscription.device.id]
        return True

    def _sweep(self) -> None:
        """End subscriptions whose time is over, or whose device is no more; now and then."""
        now = self._switch.now()
        if now < self._next_sweep:
            return
        self._next_sweep = now + _SWEEP_SECONDS
        devices = self._switch.directory.snapshot.by_device
        for key, one in list(self._subscriptions.items()):
            if one.device.username not in devices:
                self._within(key, one, b"", ended="rejected")
            elif one.until <= now:
                self._within(key, one, self._summary(one.device.extension) or b"", ended="timeout")
        if self._subscriptions:
            self._loop.call_later(_SWEEP_SECONDS, self._swept)

    def _swept(self) -> None:
        self._sweep()
        self._switch.flush()


def _seconds(request: Request) -> int:
    text = request.headers.get("expires") or ""
    return min(int(text), LONGEST_SECONDS) if text.isdecimal() and len(text) < 10 else DEFAULT_SECONDS


def _takes(accept: str) -> bool:
    kind = accept.partition(";")[0].strip().lower()
    return kind in {CONTENT_TYPE, "application/*", "*/*"}

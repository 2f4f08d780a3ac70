"""From what comes over an edge link, or is due, to the transition that it calls for.

Rules that this module keeps:
- An error of ours in one message never touches another: it is logged and the message answered with 500.
- A message that is malformed is given up, never the link that it shares with everybody's: the edge has
  written where it ends. Only a stream that no edge of ours can have written ends the link.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial

from ringwall.core.calls.bridging import bridge
from ringwall.core.calls.dialog import answering, keepalive, teardown
from ringwall.core.calls.features import registry
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.states import LegState
from ringwall.core.calls.routing import outside, requests, router
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.registrar.flows import FLOW_HEADER, Flow
from ringwall.core.trunks.trunks import TRUNK_HEADER
from ringwall.sip.errors import FramingError, ParseError
from ringwall.sip.message import Request, Response
from ringwall.sip.parser import MalformedMessage, Ping, StreamParser
from ringwall.sip.transaction import (
    AckMissing,
    AckReceived,
    Cancelled,
    Event,
    RequestReceived,
    ResponseReceived,
    TimedOut,
    TransactionFailed,
)

log = logging.getLogger(__name__)

SWEEP_SECONDS = 5.0


class Dispatcher:
    """Feeds one edge link's bytes to the transactions, their events to call control; owns the one timer."""

    def __init__(
        self, switch: Switch, loop: asyncio.AbstractEventLoop, hello: Callable[[Response], bool]
    ) -> None:
        """`hello(response)` tells whether a response was for a hello of the link."""
        self._switch = switch
        self._loop = loop
        self._hello = hello
        self._parser = _new_parser()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")
        self._next_sweep = loop.time() + SWEEP_SECONDS
        switch.hooks.wake = self.arm
        switch.hooks.broken = partial(teardown.broken, switch)
        switch.hooks.unanswered = partial(router.divert, switch)
        switch.hooks.leg_ended.append(partial(outside.leg_ended, switch))
        switch.tx.let_cancel(partial(requests.may_cancel, switch))
        switch.tx.let_acknowledge(partial(requests.may_acknowledge, switch))
        bridge.install(switch)
        registry.install(switch)
        switch.registrar.on_return.append(partial(keepalive.phone_returned, switch))

    # The link

    def data(self, data: bytes) -> bool:
        """Take what the link has read; False when the stream is broken and the link must be dropped."""
        messages: Sequence[object]
        try:
            messages = self._parser.feed(data)
            broken = False
        except FramingError as error:
            log.warning("the edge's SIP stream cannot be read any further: %s", error)
            messages, broken = error.messages, True
            self._parser = _new_parser()  # for the next connection
        switch = self._switch
        now = self._loop.time()
        for message in messages:
            if isinstance(message, Request | Response):
                if isinstance(message, Response) and self._hello(message):
                    continue
                for event in switch.tx.receive(message, now):
                    self._event(event)
            elif isinstance(message, MalformedMessage):
                self._malformed(message)
            elif isinstance(message, Ping):
                switch.tx.outbox.append(b"\r\n")
        switch.flush()
        return not broken

    def link_up(self) -> None:
        """A new connection to the edge; more than the answer to our hello may have been read from it."""
        was_down = not self._switch.link_is_up
        self._switch.release()
        if was_down:
            keepalive.ask_everybody(self._switch)
            self._switch.supervision.link_up()
            self.arm()

    def link_down(self) -> None:
        """The connection to the edge is gone: nothing that was asked over it will be answered."""
        self._parser = _new_parser()
        self._switch.hold()
        self._switch.supervision.link_down()
        for event in self._switch.tx.fail_all(self._loop.time()):
            self._event(event)
        self._switch.flush()

    def _malformed(self, error: MalformedMessage) -> None:
        self._switch.offenders.note(self._sender(error.head), error.reason, self._loop.time())
        request = error.request
        if request is not None:
            response = request.response(error.status, to_tag=self._switch.new_tag())
            self._switch.tx.outbox.append(response.to_bytes())

    def _sender(self, head: str) -> str:
        """Whose message this is, by what the edge wrote into a head that can only be read line by line."""
        slot = _written_by_edge(head, TRUNK_HEADER)
        if slot:
            return self._switch.trunks.named(slot)
        try:
            return Flow.parse(_written_by_edge(head, FLOW_HEADER)).source
        except ParseError:
            return "unknown"

    # Time

    def arm(self) -> None:
        """Set the one timer to whatever comes due first. One that is set too early does no harm."""
        at = self._next_sweep
        switch = self._switch
        for due in (switch.tx.deadline(), switch.timers.next(), switch.supervision.timers.next()):
            if due is not None and due < at:
                at = due
        if at < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = at
            self._timer = self._loop.call_at(at, self._tick)

    def _tick(self) -> None:
        self._timer, self._timer_at = None, float("inf")
        switch = self._switch
        now = self._loop.time()
        for event in switch.tx.expire(now):
            self._event(event)
        for key in switch.timers.pop_due(now):
            try:
                self._due(key)
            except Exception:
                log.exception("a timer of a call failed")
        switch.supervision.due()
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_SECONDS
            switch.registrar.sweep()
            switch.watch.sweep(now)
            switch.authenticator.sweep(now)
            switch.offenders.sweep(now)
        switch.flush()

    def _due(self, key: tuple[str, object]) -> None:
        name, subject = key
        switch = self._switch
        if isinstance(subject, Call):
            router.nobody_answers(switch, subject)
            return
        assert isinstance(subject, Leg)
        found = switch.legs.get((subject.sip_call_id, subject.tag))
        if found is None:
            return
        call = found[0]
        if name == "refresh":
            keepalive.refresh(switch, call, subject)
        elif name == "trying":
            answering.still_trying(switch, subject)
        elif name == "reliable":
            answering.repeat_reliable(switch, call, subject)
        elif name == "longest":
            teardown.end(switch, call, "the longest time that such a call may last is over")
        else:
            keepalive.expired(switch, call, subject)

    # Events

    def _event(self, event: Event) -> None:
        try:
            self._take(event)
        except Exception:
            log.exception("a message could not be dealt with")
            if isinstance(event, RequestReceived):
                tag = self._switch.new_tag()
                self._switch.respond(event.key, event.request.response(500, to_tag=tag))

    def _take(self, event: Event) -> None:
        switch = self._switch
        if isinstance(event, ResponseReceived):
            self._response(event.key, event.request, event.response)
        elif isinstance(event, RequestReceived):
            requests.received(switch, event.key, event.request)
        elif isinstance(event, AckReceived):
            found = switch.server_invites.get(event.key)
            if found is not None:
                answering.acknowledged(switch, found[0], found[1], event.key, event.request)
        elif isinstance(event, Cancelled):
            self._cancelled(event.key, event.request)
        elif isinstance(event, TimedOut):
            self._response(event.key, event.request, event.request.response(408))
        elif isinstance(event, TransactionFailed):
            self._response(event.key, event.request, event.request.response(503))
        elif isinstance(event, AckMissing):
            found = switch.server_invites.get(event.key)
            if found is not None:
                answering.never_acknowledged(switch, found[0], found[1], event.key)

    def _response(self, key: str, request: Request, response: Response) -> None:
        switch = self._switch
        errand = switch.out_of_dialog.pop(key, None) if response.status >= 200 else None
        if errand is not None:
            errand(request, response)
            return
        found = switch.legs.get((request.call_id, request.from_.tag or ""))
        accepted = request.method == "INVITE" and 200 <= response.status < 300
        if found is not None:
            leg = found[1]
            if accepted and leg.dialog is not None and leg.dialog.remote_tag == response.to.tag:
                # Each 2xx is acknowledged at once, also when it comes again.
                leg.dialog.confirm(response)
                leg.dialog.refresh_target(response)
                switch.acknowledge(leg, request.cseq.number)
                accepted = False
            then = (
                leg.client_transactions.pop(key, None)
                if response.status >= 200
                else leg.client_transactions.get(key)
            )
            if then is not None:
                then(request, response)
                return
        if accepted:
            teardown.stray_answer(switch, request, response)

    def _cancelled(self, key: str, request: Request) -> None:
        switch = self._switch
        found = switch.server_invites.get(key)
        if found is None:
            switch.respond(key, request.response(487, to_tag=switch.new_tag()))
            return
        call, leg = found
        if leg.state is LegState.SETUP:
            teardown.end(switch, call, "cancelled", by="caller", status=487)
        else:
            # A re-INVITE that is being passed on cannot be called back: its answer comes (RFC 3261 9.2).
            log.debug("a CANCEL came too late to matter")


def _new_parser() -> StreamParser:
    return StreamParser(from_edge=True)


def _written_by_edge(head: str, name: str) -> str | None:
    """The value of a header of the edge's own: it lets nobody else write one, and writes its own last."""
    _, found, rest = head.rpartition(f"\r\n{name}: ")
    return rest.partition("\r\n")[0] if found else None
